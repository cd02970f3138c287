//! The demo: that it holds what it promises, and cleans up after itself.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What the demo must say, in this order.
const STORY: &[&str] = &[
    "$ gi issuer add acme --credentials - --api-base http://127.0.0.1:",
    "added issuer acme",
    "$ gi issuer test acme",
    "Webex accepts issuer acme",
    "$ gi get 123 --name 'Stève' -o json",
    "\"cached\":false",
    "ok: minted, in ",
    "$ gi get 123 -o json",
    "\"cached\":true",
    "ok: the same token, from the cache, in ",
    "$ gi list",
    "Stève",
    "$ kill -9 ",
    "ok: the very same token after the crash",
    "ok: Webex was not asked again",
    "$ gi get 123 --force -o json",
    "ok: refreshed at the age of ",
    "ok: another token, at hand before anybody asked for it",
    "503",
    "ok: the same token, in ",
    "$ gi get 456 --name Ann --timeout 2s",
    "gi: ",
    "hint: ",
    "ok: exit code 6 after ",
    "ok: a token, in ",
    "$ gi status",
    "ok: everything went as promised",
];

/// The demo with `directory` for its files.
fn demo(directory: &Path) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_guestissuer-demo"));
    demo.env("TMPDIR", directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    demo
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("gi-test-").tempdir().unwrap()
}

#[test]
fn the_demo_holds_what_it_promises() {
    let directory = directory();
    let output = demo(directory.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    let mut rest = stdout.as_str();
    for words in STORY {
        let Some((_, after)) = rest.split_once(words) else { panic!("no {words:?} in its place:\n{stdout}") };
        rest = after;
    }
    assert!(!stdout.contains('\u{1b}'), "no colors where there is no terminal");
    assert!(!stdout.split_whitespace().any(|word| word.len() > 1_000), "tokens are shown in short");
    nothing_is_left_of(directory.path());
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let directory = directory();
    let mut demo = demo(directory.path()).spawn().unwrap();
    let mut stdout = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("$ gi issuer add") {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the demo adds an issuer");
    }
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    nothing_is_left_of(directory.path());
}

/// Looks for files in the directory, and for processes that know it by their command line or environment.
#[track_caller]
fn nothing_is_left_of(directory: &Path) {
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.is_empty(), "{files:?}");
    let name = directory.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process = entry.unwrap().path();
        // What ends while we look is not left, and what is not ours cannot be read.
        let read = |file| std::fs::read(process.join(file)).unwrap_or_default();
        let known = [read("cmdline"), read("environ")].concat();
        let known = String::from_utf8_lossy(&known).replace('\0', " ");
        known.contains(name).then_some(known)
    });
    let processes: Vec<_> = processes.collect();
    assert!(processes.is_empty(), "{processes:?}");
}
