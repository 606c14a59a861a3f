//! `velum demo --once`, as a newcomer runs it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A demo whose folders all lie in `folder`.
fn demo(folder: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .arg("demo")
        .args(["--patients", "2000"])
        .args(arguments);
    command.env("TMPDIR", folder.path()).stdin(Stdio::null());
    command
}

/// A folder that the database's account can enter.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new()
        .prefix("velum-test-")
        .tempdir()
        .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn left_in(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn assert_good(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}\n{errors}");
    assert!(text.contains("Nothing leaked."), "{text}");
    assert!(
        text.contains("14. A cursor") && text.contains("Throughput"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no colour where no terminal is");
}

#[test]
fn nothing_leaks_on_io_uring() {
    let folder = folder();
    // `auto`: where the kernel or a container forbids io_uring, this is epoll a second time.
    assert_good(&demo(&folder, &["--once"]).output().unwrap());
    assert_eq!(left_in(&folder), Vec::<PathBuf>::new());
}

#[test]
fn nothing_leaks_on_epoll() {
    let folder = folder();
    assert_good(
        &demo(&folder, &["--once", "--driver", "epoll"])
            .output()
            .unwrap(),
    );
    assert_eq!(left_in(&folder), Vec::<PathBuf>::new());
}

/// Starts a demo that waits, and returns once it says what to try.
fn waiting(folder: &tempfile::TempDir) -> Child {
    let mut child = demo(folder, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The pipe stays open: a closed one would end the demo.
    let mut lines = lines.map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("Your turn")),
        "the demo ended early"
    );
    thread::spawn(move || lines.count());
    child
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn wait_until_empty(folder: &tempfile::TempDir) {
    let began = Instant::now();
    while !left_in(folder).is_empty() && began.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(left_in(folder), Vec::<PathBuf>::new());
}

#[test]
fn ctrl_c_stops_and_removes_everything() {
    let folder = folder();
    let mut child = waiting(&folder);
    assert!(!left_in(&folder).is_empty());
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(left_in(&folder), Vec::<PathBuf>::new());
}

#[test]
fn even_a_kill_leaves_nothing() {
    let folder = folder();
    let mut child = waiting(&folder);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    wait_until_empty(&folder);
}
