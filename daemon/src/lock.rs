//! Locks that last as long as the process that holds them, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// A lock on a file, let go when dropped. The file stays: removing it would let two processes lock two files of
/// one name.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another process holds the lock")]
    Held,
    /// The operating system said no.
    #[error("the lock file cannot be used")]
    System(#[from] io::Error),
}

impl Lock {
    /// Takes the lock if nobody has it; never waits.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Takes the lock, waiting for whoever has it for no longer than `patience`.
    pub fn wait(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let file = Self::open(path)?;
        // Waiting for a lock cannot be given a time limit, so another thread waits; it ends with the process.
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
            let locked = file.lock().map(|()| Self { file });
            // Nobody waits any more when the time is over.
            let _ = sender.send(locked);
        })?;
        match receiver.recv_timeout(patience) {
            Ok(locked) => Ok(locked?),
            Err(_) => Err(LockError::Held),
        }
    }

    fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }

    /// Writes something for others to read into the file, in place of what it held.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_had_once_and_again_after_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(LockError::Held)));
        drop(first);
        assert!(Lock::take(&path).is_ok());
    }
}
