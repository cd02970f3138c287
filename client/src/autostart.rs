//! Starting the daemon when there is none, so that nobody needs a second terminal.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use guestissuer_client::proto::{Failure, FailureCode};
use guestissuer_client::{Client, Error, Places};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::environment::Environment;

/// After how much idleness a daemon that was started this way ends. Nobody asked for it to stay.
const IDLE_EXIT: &str = "1h";

/// Name of the log in the state directory.
const LOG: &str = "guestissuerd.log";

/// Name of the file that gis that want to start a daemon line up for.
const LOCK: &str = "autostart.lock";

/// The first file descriptor after the three that every program has.
const FIRST_FD_OF_CALLERS: i32 = 3;

/// From this size on the log starts anew, and the old one is kept once.
const LONG_LOG: u64 = 1024 * 1024;

/// How much of the log's end is looked at to say why the daemon did not start.
const LOG_TAIL: u64 = 4096;

/// How often starting is tried, in case another daemon was started by hand at the same moment and was not listening
/// yet when we looked.
const ATTEMPTS: u32 = 3;

/// Starts the daemon, waits until it is ready, and connects to it.
///
/// Of many that want to start one at the same time, one does, and the others find it running.
pub(crate) fn start(places: &Places, environment: &Environment, deadline: Instant) -> Result<Client, Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(&places.state_dir).map_err(|error| {
        failed(format!("cannot make the state directory {}: {error}", places.state_dir.display()))
    })?;
    let _turn = wait_for_turn(&places.state_dir.join(LOCK), deadline)?;
    for attempt in 1.. {
        match Client::connect(&places.socket, left(deadline)) {
            Err(Error::NoDaemon(_)) => {}
            connected => return connected,
        }
        let mut log = Log::open(&places.state_dir)?;
        let mut daemon = spawn(places, environment, &log)?;
        wait_until_ready(&mut daemon, deadline)?;
        // It lives on when we end; should it end before us, as under a long gi exec, it leaves no zombie.
        std::thread::spawn(move || daemon.wait());
        match Client::connect(&places.socket, left(deadline)) {
            Err(Error::NoDaemon(_)) if attempt < ATTEMPTS => {}
            Err(Error::NoDaemon(_)) => {
                let why = log.last_words().unwrap_or_else(|| "it said nothing".to_owned());
                return Err(Error::Failed(
                    Failure::new(FailureCode::NoDaemon, format!("guestissuerd did not start: {why}"))
                        .with_hint(format!("its log is {}", log.path.display())),
                ));
            }
            connected => return connected,
        }
    }
    Err(Error::Deadline)
}

/// Lines up with others that want to start a daemon. The turn lasts until the file is closed.
fn wait_for_turn(path: &Path, deadline: Instant) -> Result<File, Error> {
    let open = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = open.map_err(|error| failed(format!("cannot open {}: {error}", path.display())))?;
    // Locking cannot be given a time limit, so another thread waits; it ends with the process at the latest.
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let locked = file.lock().map(|()| file);
        let _ = sender.send(locked);
    });
    match receiver.recv_timeout(left(deadline)) {
        Ok(locked) => locked.map_err(|error| failed(format!("cannot lock {}: {error}", path.display()))),
        Err(_) => Err(Error::Deadline),
    }
}

fn spawn(places: &Places, environment: &Environment, log: &Log) -> Result<Child, Error> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let program = program();
    let stderr = log.file.try_clone().map_err(|error| failed(format!("cannot use the log: {error}")))?;
    let mut command = Command::new(&program);
    command
        .args(["--detached", "--idle-exit", IDLE_EXIT])
        .arg("--socket")
        .arg(absolute(&places.socket))
        .arg("--state-dir")
        .arg(absolute(&places.state_dir))
        // The daemon outlives us and must not keep our directory busy.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr);
    // What else is in our environment, such as a token, is none of the daemon's business.
    command.env_clear().envs(environment.for_the_daemon.iter().cloned());
    // Nor are the files of whoever called us: a lock or a pipe would stay open for as long as the daemon lives.
    close_fds::set_fds_cloexec(FIRST_FD_OF_CALLERS, &[]);
    if let Some(config) = &environment.config {
        command.arg("--config").arg(absolute(config));
    }
    command.spawn().map_err(|error| {
        let program = program.display();
        let failure = if error.kind() == io::ErrorKind::NotFound {
            Failure::new(
                FailureCode::NoDaemon,
                "guestissuerd is not installed: it is neither next to gi nor on PATH",
            )
            .with_hint("install it with: cargo install --path daemon")
        } else {
            Failure::new(FailureCode::NoDaemon, format!("cannot start {program}: {error}"))
        };
        Error::Failed(failure)
    })
}

/// The daemon next to this program, or else whichever PATH finds.
pub(crate) fn program() -> PathBuf {
    let name = Path::new("guestissuerd");
    let beside = std::env::current_exe().ok().map(|gi| gi.with_file_name(name)).filter(|path| path.exists());
    beside.unwrap_or_else(|| name.to_owned())
}

/// The daemon closes its standard output when it is ready, and at its end.
fn wait_until_ready(daemon: &mut Child, deadline: Instant) -> Result<(), Error> {
    let Some(mut stdout) = daemon.stdout.take() else { return Ok(()) };
    loop {
        let mut fds = [PollFd::new(&stdout, PollFlags::IN)];
        let left = left(deadline);
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Err(Error::Deadline),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(failed(format!("cannot wait for guestissuerd: {errno}"))),
        }
        match stdout.read(&mut [0; 64]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(format!("cannot wait for guestissuerd: {error}"))),
        }
    }
}

/// The daemon's log, and where it ended before the daemon was started.
struct Log {
    path: PathBuf,
    file: File,
    before: u64,
}

impl Log {
    fn open(state_dir: &Path) -> Result<Self, Error> {
        let path = state_dir.join(LOG);
        let open = || -> io::Result<(File, u64)> {
            if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LONG_LOG) {
                fs::rename(&path, path.with_extension("log.old"))?;
            }
            let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path)?;
            let before = file.metadata()?.len();
            Ok((file, before))
        };
        let (file, before) =
            open().map_err(|error| failed(format!("cannot open the log {}: {error}", path.display())))?;
        Ok(Self { path, file, before })
    }

    /// The last line the daemon wrote, without its time and level.
    fn last_words(&mut self) -> Option<String> {
        let end = self.file.metadata().ok()?.len();
        let start = self.before.max(end.saturating_sub(LOG_TAIL));
        self.file.seek(SeekFrom::Start(start)).ok()?;
        let mut tail = Vec::new();
        self.file.by_ref().take(LOG_TAIL).read_to_end(&mut tail).ok()?;
        let tail = String::from_utf8_lossy(&tail).into_owned();
        let line = tail.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(words_of(line).to_owned())
    }
}

/// A line of the daemon's log without its time and level.
pub(crate) fn words_of(line: &str) -> &str {
    let words = ["ERROR ", "WARN ", "INFO "].iter().find_map(|level| line.split_once(level));
    words.map_or(line, |(_, words)| words).trim()
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn failed(message: String) -> Error {
    Error::Failed(Failure::new(FailureCode::NoDaemon, message))
}
