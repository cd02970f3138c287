//! A program on a terminal, and somebody who types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a program on a terminal of 80 columns to its end, and types something each time it has shown certain words
/// since the last time. What it showed.
///
/// Panics if it ends without having shown all the words.
pub fn converse(program: &str, command: impl FnOnce(&mut Command), steps: &[(&str, &str)]) -> String {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("a terminal of our own");
    unlockpt(&controller).expect("a terminal that can be opened");
    let name = ptsname(&controller, Vec::new()).expect("a terminal has a name");
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("a terminal has a size");
    let name = name.to_str().expect("a path");
    let terminal = File::options().read(true).write(true).open(name).expect("a terminal");
    let end = || Stdio::from(OwnedFd::from(terminal.try_clone().expect("another end")));
    let mut run = Command::new("/usr/bin/setsid");
    run.args(["--ctty", "--wait", program]);
    command(&mut run);
    let mut child = run.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program starts");
    drop((run, terminal));
    let mut controller = File::from(controller);
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
