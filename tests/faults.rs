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
        for when in 1..=count {
            let folder = tempfile::tempdir().unwrap();
            (sweep.prepare)(folder.path());
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
            run(under(strace, (sweep.command)(folder.path())));
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
    assert!(run(under(strace, (sweep.command)(folder.path()))), "the command fails without any fault");
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(log.path()).unwrap().lines() {
        let call = line.split_whitespace().nth(1).unwrap_or("").split('(').next().unwrap_or("");
        if CALLS.split(',').any(|known| known == call) {
            *counts.entry(call.to_owned()).or_insert(0) += 1;
        }
    }
    (old, counts, files(folder.path()))
}

fn under(mut strace: Command, command: Command) -> Command {
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
        command.args(["--exact", "writer", "--ignored", "--test-threads=1"]).current_dir(folder);
        command
    };
    let private = |path: &Path| path.starts_with("out/.lakegen") && path != Path::new("out/.lakegen/index.json");
    match kill_sweep(&Sweep { prepare: &prepare, command: &command, private: &private }) {
        Ok(points) => {
            eprintln!("T01: {points} kill points");
            assert!(points > 50, "only {points} kill points");
        }
        Err(why) => eprintln!("skipped T01: {why}"),
    }
}
