//! Runs of `gi`.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::programs;

/// A run of `gi` that is being put together.
pub struct Gi {
    command: Command,
    input: Option<Vec<u8>>,
}

/// How a run of `gi` ended.
#[derive(Clone)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Gi {
    /// `gi` with an environment of its own, talking to `socket`, never starting a daemon.
    pub fn new(socket: &Path, state_dir: &Path) -> Self {
        Self::called(&programs::program("gi"), socket, state_dir)
    }

    /// The same, called by another name.
    pub fn called(program: &Path, socket: &Path, state_dir: &Path) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", state_dir)
            .env("GI_SOCKET", socket)
            .env("GI_STATE_DIR", state_dir)
            .env("GI_NO_AUTOSTART", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { command, input: None }
    }

    /// With these arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    /// With this on its standard input.
    #[must_use]
    pub fn input(mut self, input: &str) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(input.as_bytes().to_vec());
        self
    }

    /// With this variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without this variable in its environment.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The command itself, for what is not often needed.
    #[must_use]
    pub fn command(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> Child {
        let mut child = self.command.spawn().expect("gi starts");
        if let Some(input) = self.input {
            child.stdin.take().expect("its input is a pipe").write_all(&input).expect("gi reads its input");
        }
        child
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        finish(self.spawn())
    }

    /// Runs it to its end, which must be a success; what it printed, without the newline at the end.
    #[track_caller]
    pub fn ok(self) -> String {
        let outcome = self.run();
        assert_eq!(outcome.code, 0, "gi failed: {outcome}");
        outcome.stdout.trim_end().to_owned()
    }

    /// Runs it with JSON output to its end, which must be a success.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.args(["-o", "json"]).ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
    }

    /// Runs it to its end, which must be a failure of this code with nothing on stdout.
    #[track_caller]
    pub fn fails(self, code: i32) -> Outcome {
        let outcome = self.run();
        assert_eq!(outcome.code, code, "{outcome}");
        assert_eq!(outcome.stdout, "", "{outcome}");
        outcome
    }
}

/// Waits for a `gi` that was started.
pub fn finish(child: Child) -> Outcome {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("gi ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("gi prints UTF-8");
    Outcome { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\nstdout: {}\nstderr: {}", self.code, self.stdout, self.stderr)
    }
}
