//! Runs of `gi` on a terminal, with the test in the part of the person.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::{World, programs};

/// A new terminal of so many columns: the end of whoever types, and as many of the other as a program needs.
pub(crate) fn pair(columns: u16) -> (File, impl Fn() -> Stdio) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("the terminal is ours");
    unlockpt(&controller).expect("the terminal is ours");
    let name = ptsname(&controller, Vec::new()).expect("the terminal has a name");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("the terminal takes a size");
    let name = name.to_str().expect("a name in UTF-8");
    let terminal = OpenOptions::new().read(true).write(true).open(name).expect("the terminal opens");
    let end = move || Stdio::from(OwnedFd::from(terminal.try_clone().expect("another end")));
    (File::from(controller), end)
}

/// A run of `gi` on a terminal.
pub struct Terminal {
    gi: Child,
    controller: File,
    seen: String,
}

impl Terminal {
    /// Starts `gi` on a terminal of so many columns.
    pub fn start(world: &World, args: &[&str], columns: u16) -> Self {
        let (controller, end) = pair(columns);
        // A session of its own, so that what is typed reaches it as signals too.
        let mut gi = Command::new("/usr/bin/setsid");
        gi.args(["--ctty", "--wait"]).arg(programs::program("gi")).args(args).env_clear();
        gi.env("TERM", "xterm-256color");
        gi.env("GI_SOCKET", world.socket()).env("HOME", world.path()).env("GI_STATE_DIR", world.state_dir());
        let gi = gi.stdin(end()).stdout(end()).stderr(end()).spawn().expect("gi starts");
        Self { gi, controller, seen: String::new() }
    }

    /// Waits until these words were printed.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) {
        while !self.seen.contains(words) {
            assert!(self.read(), "gi ended without {words:?}: {:?}", self.seen);
        }
    }

    /// Types something.
    pub fn type_in(&mut self, text: &str) {
        self.controller.write_all(text.as_bytes()).expect("the terminal takes what is typed");
    }

    /// Waits for the end; how it ended, and everything that was printed.
    pub fn finish(mut self) -> (ExitStatus, String) {
        while self.read() {}
        (self.gi.wait().expect("gi ends"), self.seen)
    }

    /// Reads some more; whether there was any. Reading fails when the last program has closed the terminal.
    fn read(&mut self) -> bool {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let Ok(read @ 1..) = self.controller.read(&mut buffer) else { return false };
            bytes.extend_from_slice(&buffer[..read]);
            // A character may be in two pieces.
            if let Ok(text) = str::from_utf8(&bytes) {
                self.seen.push_str(text);
                return true;
            }
        }
    }
}

/// Runs `gi` on a terminal of so many columns to its end, which must be a success; what was printed.
#[track_caller]
pub fn on_a_terminal(world: &World, args: &[&str], columns: u16) -> String {
    let (status, seen) = Terminal::start(world, args, columns).finish();
    assert!(status.success(), "{seen}");
    seen
}

/// What is left on a terminal after all this was printed, line by line, without colors. Lines are not wrapped.
pub fn screen(printed: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut characters = printed.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if lines.len() == row {
                    lines.push(Vec::new());
                }
            }
            '\u{1b}' => {
                assert_eq!(characters.next(), Some('['), "{printed:?}");
                let mut number = String::new();
                let end = loop {
                    match characters.next() {
                        Some(digit) if digit.is_ascii_digit() || digit == ';' => number.push(digit),
                        end => break end,
                    }
                };
                match end {
                    Some('m') => {}
                    Some('K') if number == "2" => lines[row].clear(),
                    Some('A') => row = row.saturating_sub(number.parse().unwrap_or(1)),
                    other => panic!("{other:?} after {number:?} in {printed:?}"),
                }
            }
            character => {
                if lines[row].len() <= column {
                    lines[row].resize(column + 1, ' ');
                }
                lines[row][column] = character;
                column += 1;
            }
        }
    }
    let texts = lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned());
    let mut texts: Vec<_> = texts.collect();
    while texts.last().is_some_and(String::is_empty) {
        texts.pop();
    }
    texts
}
