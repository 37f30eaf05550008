//! T01 from outside: any command that writes a folder is killed at each of its system calls in turn, with `strace`.
//!
//! [`kill_sweep`] takes the command line, so that the same sweep serves every writing command. It is skipped, loudly,
//! where `strace` is missing or may not trace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The calls between which a process is killed; `strace` counts per name, so each name is swept by itself.
const CALLS: &str =
    "openat,open,mkdir,mkdirat,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat,rmdir,fchmod,fsync,close";

/// All files below a folder with their bytes.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What to sweep over.
struct Sweep<'a> {
    /// Makes the old state in an empty folder.
    prepare: &'a dyn Fn(&Path),
    /// Returns the command that brings the folder to its new state.
    command: &'a dyn Fn(&Path) -> Command,
    /// Files that need not be whole: what the command keeps for itself while it runs.
    private: &'a dyn Fn(&Path) -> bool,
    /// Most kill points per call; more of them are sampled evenly.
    most: usize,
}

/// Runs the sweep and returns how many kill points there were, or why it cannot run here.
///
/// At each point: every file is wholly old or wholly new, and running the command again gives the new state.
fn kill_sweep(sweep: &Sweep<'_>) -> Result<usize, String> {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return Err("strace is not installed or may not trace".to_owned());
    }
    let (old, counts, new) = reference_run(sweep);
    let mut points = 0;
    for (call, count) in counts {
        for when in (1..=count).step_by(count.div_ceil(sweep.most)) {
            let folder = tempfile::tempdir().unwrap();
            (sweep.prepare)(folder.path());
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
            run(under(strace, &(sweep.command)(folder.path())));
            let context = format!("killed at {call} number {when}");
            for (path, bytes) in files(folder.path()) {
                let whole = [&old, &new].iter().any(|files| files.get(&path) == Some(&bytes));
                assert!(whole || (sweep.private)(&path), "{context}: `{}` is neither old nor new", path.display());
            }
            assert!(run((sweep.command)(folder.path())), "{context}: the next run failed");
            assert_eq!(files(folder.path()), new, "{context}: the next run did not complete the work");
            points += 1;
        }
    }
    Ok(points)
}

/// Runs the command once without a fault: the old files, how often it makes each call, and the new files.
fn reference_run(sweep: &Sweep<'_>) -> (Files, BTreeMap<String, usize>, Files) {
    let folder = tempfile::tempdir().unwrap();
    (sweep.prepare)(folder.path());
    let old = files(folder.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    // Names that this architecture does not have are left out with a question mark.
    let known: Vec<String> = CALLS.split(',').map(|call| format!("?{call}")).collect();
    strace.args(["-f", "-o", log.path().to_str().unwrap(), "-e", &format!("trace={}", known.join(","))]);
    assert!(run(under(strace, &(sweep.command)(folder.path()))), "the command fails without any fault");
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(log.path()).unwrap().lines() {
        let call = line.split_whitespace().nth(1).unwrap_or("").split('(').next().unwrap_or("");
        if CALLS.split(',').any(|known| known == call) {
            *counts.entry(call.to_owned()).or_insert(0) += 1;
        }
    }
    (old, counts, files(folder.path()))
}

fn under(mut strace: Command, command: &Command) -> Command {
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    strace
}

fn run(mut command: Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

fn files(folder: &Path) -> Files {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let regular = entries.filter(|entry| entry.file_type().is_file());
    regular
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// The tree of the sweep: version 1 or 2 of it, in the shape that T01 asks for.
#[cfg(unix)]
fn tree(version: usize) -> lakegen::emit::Tree {
    let mut tree = lakegen::emit::Tree::default();
    for n in 0..5 {
        tree.add(format!("changed/{n}"), format!("version {version} of {n}\n").into_bytes()).unwrap();
    }
    let other = if version == 1 { "removed" } else { "added/deep" };
    for n in 0..2 {
        tree.add(format!("{other}/{n}"), format!("only in {version}\n").into_bytes()).unwrap();
    }
    tree
}

/// Not a test by itself: the process that [`t01_kill_sweep`] kills.
#[cfg(unix)]
#[test]
#[ignore = "run by t01_kill_sweep in a process of its own"]
fn writer() {
    let root = std::env::current_dir().unwrap();
    lakegen::sink::write(&root.join("out"), &tree(2), &lakegen::sink::WriteOptions::default()).unwrap();
}

#[cfg(unix)]
#[test]
fn t01_kill_sweep() {
    let prepare = |folder: &Path| {
        let options = lakegen::sink::WriteOptions { fsync: false, ..Default::default() };
        lakegen::sink::write(&folder.join("out"), &tree(1), &options).unwrap();
        fs::write(folder.join("out/changed/foreign.txt"), "mine\n").unwrap();
    };
    let command = |folder: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "faults::writer", "--ignored", "--test-threads=1"]).current_dir(folder);
        command
    };
    let private = |path: &Path| path.starts_with("out/.lakegen") && path != Path::new("out/.lakegen/index.json");
    match kill_sweep(&Sweep { prepare: &prepare, command: &command, private: &private, most: usize::MAX }) {
        Ok(points) => {
            eprintln!("T01: {points} kill points");
            assert!(points > 50, "only {points} kill points");
        }
        Err(why) => eprintln!("skipped T01: {why}"),
    }
}

/// Returns the real program, to be run in `folder` in an empty environment.
fn lakegen(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegen"));
    command.args(arguments).current_dir(folder).env_remove("LAKEGEN_FILE").env_remove("LAKEGEN_ENV");
    command
}

/// A platform in which between the two versions a file changes, some are added and some removed.
fn platform(version: usize) -> String {
    let (name, replicas) = if version == 1 { ("old", 2) } else { ("new", 3) };
    format!(
        "[platform]\nname = \"lake\"\n[git]\nurl = \"https://git.example.com/acme/lake.git\"\n[components]\n\
         web = {{ uses = \"app\", image = \"example.com/web:1\", pods.main.replicas = {replicas} }}\n\
         {name} = {{ uses = \"app\", image = \"example.com/x:1\" }}\n"
    )
}

/// T01 with the program itself: `lakegen render` is killed at its system calls.
#[cfg(unix)]
#[test]
fn t01_kill_sweep_of_render() {
    let prepare = |folder: &Path| {
        fs::write(folder.join("platform.toml"), platform(1)).unwrap();
        assert!(run(lakegen(folder, &["render"])), "the first render failed");
        fs::write(folder.join("gitops/components/notes.txt"), "mine\n").unwrap();
        fs::write(folder.join("platform.toml"), platform(2)).unwrap();
    };
    let command = |folder: &Path| lakegen(folder, &["render"]);
    let own = Path::new("gitops/.lakegen");
    let private = |path: &Path| path.starts_with(own) && path != own.join("index.json");
    match kill_sweep(&Sweep { prepare: &prepare, command: &command, private: &private, most: 8 }) {
        Ok(points) => {
            eprintln!("T01: {points} kill points of `lakegen render`");
            assert!(points > 30, "only {points} kill points");
        }
        Err(why) => eprintln!("skipped T01 of render: {why}"),
    }
}

/// T35: what reads runs no program, opens no connection and writes no file.
#[cfg(unix)]
#[test]
fn t35_reading_commands_only_read() {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped T35: strace is not installed or may not trace");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let repository = git2::Repository::init(folder.path()).unwrap();
    fs::write(folder.path().join("platform.toml"), platform(1)).unwrap();
    let mut index = repository.index().unwrap();
    index.add_path(Path::new("platform.toml")).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = git2::Signature::now("Test", "test@example.com").unwrap();
    repository.commit(Some("HEAD"), &author, &author, "first", &tree, &[]).unwrap();
    for arguments in
        [&["check"][..], &["diff"], &["diff", "HEAD..HEAD"], &["render", "-o", "-"], &["dns"], &["catalog", "list"]]
    {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        let calls = "trace=execve,execveat,socket,connect,?open,openat,?openat2,?creat,?mkdir,mkdirat,?rename,?renameat,renameat2,?unlink,unlinkat,?link,linkat,?symlink,symlinkat,ftruncate";
        strace.args(["-f", "-o", log.path().to_str().unwrap(), "-e", calls]);
        assert!(run(under(strace, &lakegen(folder.path(), arguments))), "{arguments:?} failed");
        let log = fs::read_to_string(log.path()).unwrap();
        let calls: Vec<&str> = log.lines().filter(|line| line.contains('(')).collect();
        assert!(calls[0].contains("execve("), "the trace begins with the program itself: {}", calls[0]);
        for call in &calls[1..] {
            let reads = ["open(", "openat(", "openat2("].iter().any(|name| call.contains(name))
                && !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
            assert!(reads, "{arguments:?} does more than reading: {call}");
        }
        assert!(calls.len() > 2, "{arguments:?} opened nothing: is the trace complete?");
    }
}
