//! The configuration, and all else that keeps a daemon from starting: guestissuerd looks at it by itself.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use guestissuer_client::proto::FailureCode;
use rustix::process::{Pid, Signal, kill_process};

use super::report::{End, Finding};
use super::{STEP, Visit};
use crate::autostart;

const TOPIC: &str = "configuration";

/// How much of what guestissuerd complains about is read.
const LONGEST_COMPLAINT: u64 = 16 * 1024;

/// What `guestissuerd --check` says.
enum Checked {
    Fine,
    Complains(String),
    NotInstalled,
    TooSlow(Duration),
    Failed(io::Error),
}

impl Visit<'_> {
    /// Has guestissuerd look at its configuration and its files; whether it is installed.
    pub(super) fn look_at_configuration(&mut self) -> Result<bool, End> {
        let file = match self.environment.config_file() {
            Some(path) if path.exists() => format!("{} is in order", path.display()),
            Some(path) => format!("the defaults; {} does not exist", path.display()),
            None => "the defaults".to_owned(),
        };
        let unknown = |finding: String, remedy: &str| Finding::warning(TOPIC, finding, remedy);
        let checked = self.check();
        let is_installed = !matches!(checked, Checked::NotInstalled);
        match checked {
            Checked::Fine => self.report.add(Finding::ok(TOPIC, file))?,
            Checked::Complains(words) if is_about_configuration(&words) => {
                let remedy = "mend it, then restart the daemon, which goes on with what it read at its start";
                self.report.add(Finding::wrong(TOPIC, FailureCode::Internal, words, remedy))?;
            }
            Checked::Complains(words) => {
                self.report.add(Finding::ok(TOPIC, file))?;
                // What is open to others was told of before.
                let is_known = self.report.is_wrong("state") || self.report.is_wrong("files");
                if !is_known {
                    self.report.add(startup(words))?;
                }
            }
            Checked::NotInstalled => self.report.add(unknown(
                "not checked: guestissuerd is neither next to gi nor on PATH".to_owned(),
                "install it with: cargo install --path daemon",
            ))?,
            Checked::TooSlow(limit) => self.report.add(unknown(
                format!("guestissuerd --check did not end within {:.1} s", limit.as_secs_f64()),
                "run it by hand; a large database on a slow disk takes a while",
            ))?,
            Checked::Failed(error) => self.report.add(unknown(
                format!("guestissuerd --check cannot be run: {error}"),
                "run it by hand, and see whether guestissuerd belongs to this machine",
            ))?,
        }
        Ok(is_installed)
    }

    fn check(&self) -> Checked {
        let limit = self.step(STEP);
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut command = Command::new(autostart::program());
        command
            .args(["--check", "--log-level", "error", "--socket"])
            .arg(absolute(&self.places.socket))
            .arg("--state-dir")
            .arg(absolute(&self.places.state_dir))
            .env_clear()
            .envs(self.environment.for_the_daemon.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(config) = &self.environment.config {
            command.arg("--config").arg(absolute(config));
        }
        match command.spawn() {
            Ok(child) => outcome(child, limit),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Checked::NotInstalled,
            Err(error) => Checked::Failed(error),
        }
    }
}

/// Waits for the end of `guestissuerd --check`, and kills it if that takes too long.
fn outcome(mut child: Child, limit: Duration) -> Checked {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    // Neither reading a pipe nor waiting for a child can be given a time limit, so another thread does both.
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            // What was read until a failure will do.
            let _ = stderr.take(LONGEST_COMPLAINT).read_to_end(&mut text);
        }
        let _ = sender.send((child.wait(), String::from_utf8_lossy(&text).into_owned()));
    });
    let Ok((status, complaint)) = ended.recv_timeout(limit) else {
        // It may have ended in this moment.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        return Checked::TooSlow(limit);
    };
    match status {
        Ok(status) if status.success() => Checked::Fine,
        Ok(status) => {
            let line = complaint.lines().rev().find(|line| !line.trim().is_empty());
            Checked::Complains(
                line.map_or_else(|| status.to_string(), |line| autostart::words_of(line).to_owned()),
            )
        }
        Err(error) => Checked::Failed(error),
    }
}

fn is_about_configuration(words: &str) -> bool {
    words.contains("the configuration") || words.contains("home directory")
}

/// What would keep a daemon from starting, or from opening what it keeps.
fn startup(words: String) -> Finding {
    let is_locked = words.contains("the database was sealed with");
    let code = if is_locked { FailureCode::Locked } else { FailureCode::Internal };
    let remedy = if is_locked {
        "restore the key file from a copy; to start over, move guestissuer.db, -wal and -shm away"
    } else {
        "guestissuerd --check says when it is well; a damaged database is set aside when the daemon starts"
    };
    Finding::wrong("startup", code, words, remedy)
}
