//! Shells and other programs on a terminal, typed into by a test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::terminal::pair;
use crate::{PATIENCE, World, programs};

/// What the shell prints when it waits for a command.
const PROMPT: &str = "ready> ";

/// A shell with job control. Killed when dropped.
pub struct Shell {
    terminal: File,
    process: Child,
    seen: String,
}

impl Shell {
    /// Starts one in which `gi` talks to the world's daemon, and waits for its prompt.
    pub fn start(world: &World) -> Self {
        let (terminal, end) = pair(80);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs::directory().display());
        let process = Command::new("/usr/bin/setsid")
            .args(["--ctty", "--wait", "/bin/bash", "--norc", "--noprofile", "--noediting", "-i"])
            .env_clear()
            .env("PS1", PROMPT)
            .env("PATH", path)
            .env("TERM", "dumb")
            .env("GI_SOCKET", world.socket())
            .env("HOME", world.path())
            .current_dir(world.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("bash starts");
        let mut shell = Self { terminal, process, seen: String::new() };
        shell.expect(PROMPT);
        shell
    }

    /// Types something, as it is.
    pub fn send(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("the terminal takes it");
    }

    /// Reads until something is shown; everything up to there, which is not looked at again.
    #[track_caller]
    pub fn expect(&mut self, words: &str) -> String {
        self.see(words, PATIENCE).unwrap_or_else(|| panic!("never saw {words:?}, only {:?}", self.seen))
    }

    /// Types a command and reads until it shows something. A shell that has just come back to the foreground may throw
    /// away what was typed in that moment, so the command is typed again if nothing happens.
    #[track_caller]
    pub fn run(&mut self, command: &str, words: &str) {
        for _ in 0..10 {
            self.send(&format!("{command}\n"));
            if self.see(words, PATIENCE / 20).is_some() {
                return;
            }
        }
        panic!("never saw {words:?}, only {:?}", self.seen);
    }

    /// What was shown up to these words, if they come in time.
    fn see(&mut self, words: &str, patience: Duration) -> Option<String> {
        let mut buffer = [0; 1024];
        loop {
            if let Some(at) = self.seen.find(words) {
                let rest = self.seen.split_off(at + words.len());
                return Some(std::mem::replace(&mut self.seen, rest));
            }
            let mut fds = [PollFd::new(&self.terminal, PollFlags::IN)];
            let timeout = Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: 0 };
            let ready = rustix::event::poll(&mut fds, Some(&timeout)).unwrap_or(0);
            let read = if ready > 0 { self.terminal.read(&mut buffer).unwrap_or(0) } else { 0 };
            if read == 0 {
                return None;
            }
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a program on a terminal of 80 columns to its end, and types something each time it has shown certain words
/// since the last time. What it showed.
///
/// Panics if it ends without having shown all the words.
pub fn converse(program: &str, command: impl FnOnce(&mut Command), steps: &[(&str, &str)]) -> String {
    let (mut controller, end) = pair(80);
    let mut run = Command::new("/usr/bin/setsid");
    run.args(["--ctty", "--wait", program]);
    command(&mut run);
    let mut child = run.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program starts");
    drop((run, end));
    let (mut seen, mut before) = (String::new(), 0);
    let mut steps = steps.iter();
    let mut next = steps.next();
    let mut buffer = [0; 4096];
    // Reading fails when the last program has closed the terminal.
    while let Ok(read @ 1..) = controller.read(&mut buffer) {
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some((words, keys)) = next
            && let Some(at) = seen[before..].find(words)
        {
            before += at + words.len();
            controller.write_all(keys.as_bytes()).expect("the program reads");
            next = steps.next();
        }
    }
    let _ = child.wait();
    assert!(next.is_none(), "{program} never showed {next:?}:\n{seen}");
    seen
}
