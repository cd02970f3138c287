//! A running `guestissuerd`, with the test in the part of the service manager.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, programs};

/// A daemon. Killed when dropped.
pub struct Daemon {
    process: Child,
    notifications: UnixDatagram,
    log: Arc<Mutex<String>>,
    lines: Receiver<String>,
}

impl Daemon {
    /// Starts one and waits until it says that it is ready.
    pub fn start(directory: &Path, args: &[&str]) -> Self {
        Self::start_with(directory, args, |_| {})
    }

    /// Starts one whose command was changed, and waits until it says that it is ready.
    pub fn start_with(directory: &Path, args: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let daemon = Self::spawn(directory, args, change);
        daemon.wait_for_notification("READY=1");
        daemon
    }

    /// Starts one.
    pub fn spawn(directory: &Path, args: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let notify = directory.join("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let notifications = UnixDatagram::bind(&notify).expect("a socket for notifications");
        notifications.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let mut command = Command::new(programs::program("guestissuerd"));
        command
            .env_clear()
            .env("HOME", directory)
            .env("NOTIFY_SOCKET", &notify)
            .arg("--socket")
            .arg(socket(directory))
            .arg("--state-dir")
            .arg(state_dir(directory))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        change(&mut command);
        let mut process = command.spawn().expect("guestissuerd starts");
        let (sender, lines) = channel();
        let log = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&log);
        let stderr = BufReader::new(process.stderr.take().expect("its log is a pipe"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut copy = copy.lock().expect("nobody panics with the log");
                copy.push_str(&line);
                copy.push('\n');
                drop(copy);
                // The test may have lost interest.
                let _ = sender.send(line);
            }
        });
        Self { process, notifications, log, lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it has told the service manager this.
    pub fn wait_for_notification(&self, wanted: &str) {
        let mut buffer = [0; 4096];
        loop {
            let length = match self.notifications.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("no {wanted} from guestissuerd ({error}); its log:\n{}", self.log()),
            };
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == wanted) {
                return;
            }
        }
    }

    /// Waits until it logs a line with these words. Lines before it are not looked at again.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("guestissuerd never said {words:?}; its log:\n{}", self.log());
            };
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the daemon is there");
    }

    /// Kills it with no chance to say farewell, and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// Waits for its end; how it ended, and everything it logged.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().expect("it ends");
        // The log is complete when its pipe is closed.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        (status, self.log())
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("log of guestissuerd:\n{}", self.log());
        }
    }
}

/// The socket of the daemon of this directory.
pub fn socket(directory: &Path) -> std::path::PathBuf {
    directory.join("run").join("guestissuerd.sock")
}

/// The state directory of the daemon of this directory.
pub fn state_dir(directory: &Path) -> std::path::PathBuf {
    directory.join("state")
}
