//! Guests, issuers and sealed tokens in SQLite, and the schedule of what is to be refreshed.
//!
//! One thread writes and commits in groups; others read, each with a connection of its own, and never wait for
//! the writer. Secrets and tokens arrive here sealed: this module cannot read them.

mod actor;
pub mod app_tokens;
pub mod guests;
mod integrity;
pub mod issuers;
pub mod mints;
pub mod moved;
mod open;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub use integrity::{Integrity, look_over};
pub use open::{DATABASE, Opened, SetAside, check, mark_suspect};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use actor::{ReadJob, Threads, WriteJob};

/// Why the store could not do as it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("database")]
    Database(#[source] Arc<rusqlite::Error>),
    /// A file or directory could not be made, read or moved.
    #[error("database file")]
    File(#[source] Arc<std::io::Error>),
    /// The database was written by a newer version of the daemon.
    #[error("the database has schema version {found}, this daemon knows versions up to {known}")]
    Newer {
        /// What the file says.
        found: i64,
        /// What this build knows.
        known: i64,
    },
    /// The file is some other program's database.
    #[error("the database is another program's")]
    Foreign,
    /// The database is gone, but its journal is there.
    #[error("the database is empty although it has a journal")]
    Orphaned,
    /// The store's threads have ended.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

impl StoreError {
    /// Whether what was asked was given up because its time was over.
    pub(super) fn is_interruption(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
    }

    /// Whether another program holds the database.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        )
    }

    /// Whether the file itself is damaged, as opposed to busy, full or out of reach.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::Orphaned => true,
            Self::File(_) | Self::Newer { .. } | Self::Foreign | Self::Closed => false,
        }
    }
}

/// A handle on the database of one state directory.
#[derive(Debug)]
pub struct Store {
    writes: mpsc::Sender<WriteJob>,
    reads: mpsc::Sender<ReadJob>,
    damaged: watch::Receiver<bool>,
    threads: Threads,
}

impl Store {
    /// Opens the database in `state_dir`, making it if there is none, and setting it aside if it is damaged.
    pub fn open(state_dir: &Path, now: guestissuer_proto::UnixTime) -> Result<Opened, StoreError> {
        open::open(state_dir, now)
    }

    /// Reads, without waiting for any writer.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let result = work(connection);
            let damage = matches!(&result, Err(error) if error.is_damage());
            // The asker may have left; then nobody wants the answer.
            let _ = answer.send(result);
            damage
        });
        self.reads.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Writes. When this returns `Ok`, the change is on disk and outlives a crash of the machine.
    ///
    /// The work shares a transaction with others that arrive at the same time; if it fails, only its own changes
    /// are undone.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: WriteJob = Box::new(move |connection| {
            let result = connection.and_then(work);
            let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
            let settle = Box::new(move |committed: Result<(), StoreError>| {
                let _ = answer.send(committed.and(result));
            });
            (outcome, settle)
        });
        self.writes.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Returns once the database file has turned out to be damaged.
    pub async fn damage(&self) {
        let mut damaged = self.damaged.clone();
        if damaged.wait_for(|damaged| *damaged).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the threads after all that was asked of them is done.
    pub fn close(self) {
        // The writer is the last to let go of the file, because only it can tidy up the journal.
        drop(self.reads);
        self.threads.readers.join();
        drop(self.writes);
        self.threads.writer.join();
    }
}
