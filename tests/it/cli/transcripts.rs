//! What the program prints for good: `tests/cli/*.md`, calls with their output as a user sees them.
//!
//! In a block of `console`, `$ lakegen …` is a call, `? 2` below it the exit code, and what follows is printed; `[..]`
//! stands for any text of a line. A file's calls run one after the other in a copy of the folder `NAME.in`; the files of
//! `NAME.out` are there at the end. `LAKEGEN_BLESS=1` writes down what is printed now.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs all of them, and returns what is not as it was.
pub fn run() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of = |ending: &str| files.iter().filter(|path| path.extension().is_some_and(|has| has == ending)).count();
    assert!(of("md") > 3 && of("md") + of("in") + of("out") == files.len(), "a file of another kind in tests/cli");
    let transcripts = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    transcripts.flat_map(|path| transcript(path)).collect()
}

/// Runs one file.
fn transcript(path: &Path) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    copy(&path.with_extension("in"), home.path());
    let text = fs::read_to_string(path).unwrap();
    let (mut again, mut wrong) = (String::new(), Vec::new());
    let mut lines = text.lines().enumerate().peekable();
    let mut inside = false;
    while let Some((number, line)) = lines.next() {
        let _ = writeln!(again, "{line}");
        if line.starts_with("```") {
            inside = line == "```console";
        }
        let Some(call) = line.strip_prefix("$ ").filter(|_| inside) else { continue };
        let mut wanted = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("$ ") && !line.starts_with("```")) {
            wanted.push(line);
        }
        let printed = printed(home.path(), call);
        let wanted = wanted.join("\n").trim_end().to_owned();
        if matches(&wanted, &printed) {
            let _ = writeln!(again, "{wanted}\n");
        } else {
            wrong.push(format!("{}:{}: `{call}` prints\n{printed}\nnot\n{wanted}\n", path.display(), number + 1));
            let _ = writeln!(again, "{printed}\n");
        }
    }
    if std::env::var_os("LAKEGEN_BLESS").is_some() {
        if again != text {
            fs::write(path, again).unwrap();
        }
        wrong.clear();
    }
    left(&path.with_extension("out"), home.path(), &mut wrong);
    wrong
}

/// Runs a call in `home`; its exit code, if that is not 0, and all it prints.
fn printed(home: &Path, call: &str) -> String {
    let words = words(call);
    let (program, arguments) = words.split_first().unwrap();
    assert_eq!(program, "lakegen", "only lakegen can be called: {call}");
    // One pipe for both, so that lines keep their order.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegen"));
    command.args(arguments).current_dir(home).env_clear().env("NO_COLOR", "1").stdin(Stdio::null());
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    // It holds the writing ends too.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code();
    let code = if code == Some(0) { String::new() } else { format!("? {}\n", code.unwrap()) };
    format!("{code}{text}").trim_end().to_owned()
}

/// Takes a call apart; what has blanks in it stands in single quotes.
fn words(call: &str) -> Vec<String> {
    let parts = call.split('\'').enumerate();
    let words = parts.map(|(index, part)| {
        if index % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
    });
    words.flatten().collect()
}

/// Says whether the lines are the wanted ones.
fn matches(wanted: &str, printed: &str) -> bool {
    let same = |(wanted, printed): (&str, &str)| match wanted.split_once("[..]") {
        Some((start, end)) => {
            printed.len() >= start.len() + end.len() && printed.starts_with(start) && printed.ends_with(end)
        }
        None => wanted == printed,
    };
    wanted.lines().count() == printed.lines().count() && wanted.lines().zip(printed.lines()).all(same)
}

/// Compares the files that a transcript has to leave behind.
fn left(wanted: &Path, home: &Path, wrong: &mut Vec<String>) {
    for entry in walkdir::WalkDir::new(wanted).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let name = entry.path().strip_prefix(wanted).unwrap();
        if fs::read(home.join(name)).ok() != Some(fs::read(entry.path()).unwrap()) {
            wrong.push(format!("{} is not left as it should be", entry.path().display()));
        }
    }
}

/// Copies the files of a folder, if there is one.
fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(entry.path(), target).unwrap();
    }
}
