//! The directory of the database, the key and the log: private, and one daemon's at a time.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guestissuer_proto::paths::{self, is_private};

use crate::lock::{Lock, LockError};

/// How long a daemon that is about to end is waited for: a little longer than it may take.
const FAREWELL: Duration = Duration::from_secs(6);

/// A state directory that no other daemon uses while this exists.
#[derive(Debug)]
pub struct StateDir {
    lock: Lock,
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Another daemon uses it.
    #[error("another guestissuerd is using the state directory {path}")]
    InUse {
        /// Which directory.
        path: PathBuf,
    },
    /// Others can look into it.
    #[error(
        "the state directory {path} is not private to this user (mode {mode:04o}, owner {owner}): chmod 700 it, or make it yours"
    )]
    Exposed {
        /// Which directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The user it belongs to.
        owner: u32,
    },
    /// The operating system said no.
    #[error("cannot use the state directory {path}")]
    System {
        /// Which directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl StateDir {
    /// Makes the directory if need be, checks that it is private, and takes its lock.
    pub fn claim(path: &Path) -> Result<Self, StateDirError> {
        let failed = |source| StateDirError::System { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        check(path)?;
        let file = path.join(paths::STATE_LOCK);
        let lock = match Lock::take(&file) {
            // A daemon that is about to end has stopped listening already, and deserves the time to finish.
            Err(LockError::Held) if !is_listening(&file) => Lock::wait(&file, FAREWELL),
            taken => taken,
        };
        match lock {
            Ok(lock) => Ok(Self { lock }),
            Err(LockError::Held) => Err(StateDirError::InUse { path: path.to_owned() }),
            Err(LockError::System(source)) => Err(failed(source)),
        }
    }

    /// Says in the lock file where clients connect, for those that look elsewhere because their environment is
    /// another: a job of cron has no `XDG_RUNTIME_DIR`.
    pub fn announce(&mut self, socket: &Path) -> io::Result<()> {
        self.lock.write(&socket.display().to_string())
    }
}

/// Whether the daemon that wrote this lock file listens where it says.
fn is_listening(lock_file: &Path) -> bool {
    fs::read_to_string(lock_file).is_ok_and(|socket| UnixStream::connect(socket).is_ok())
}

/// Whether a directory may be used. One that is not there may be made.
pub fn check(path: &Path) -> Result<(), StateDirError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(StateDirError::System { path: path.to_owned(), source });
        }
    };
    let (owner, mode) = (metadata.uid(), metadata.mode());
    if !metadata.is_dir() {
        return Err(StateDirError::System {
            path: path.to_owned(),
            source: io::ErrorKind::NotADirectory.into(),
        });
    }
    if !is_private(owner, mode, rustix::process::geteuid().as_raw()) {
        return Err(StateDirError::Exposed { path: path.to_owned(), mode: mode & 0o7777, owner });
    }
    Ok(())
}
