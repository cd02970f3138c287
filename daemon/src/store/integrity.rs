//! Looking over the whole database while it is in use.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::open::{DATABASE, check_integrity, open_reader};
use super::{StoreError, mark_suspect};

/// After how many steps of SQLite's machine is looked whether time is up: well under a millisecond.
const STEPS: std::ffi::c_int = 10_000;

/// What a look over the database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// No damage anywhere.
    Sound {
        /// How large the database is, with its journal.
        bytes: u64,
    },
    /// No damage as far as was looked in the time given.
    Unfinished {
        /// How large the database is, with its journal.
        bytes: u64,
    },
}

/// Looks for damage for as long as `within`, on a connection and in a thread of its own: nobody else waits for it.
///
/// If there is damage, the next start looks as well, and sets the database aside.
pub async fn look_over(state_dir: &Path, within: Duration) -> Result<Integrity, StoreError> {
    let path = state_dir.join(DATABASE);
    let journal = fs::metadata(state_dir.join(format!("{DATABASE}-wal"))).map_or(0, |wal| wal.len());
    let bytes = fs::metadata(&path)?.len() + journal;
    let until = Instant::now() + within;
    let look = tokio::task::spawn_blocking(move || {
        let mut connection = open_reader(&path)?;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
        check_integrity(&connection)
    });
    // A disk that does not answer is not asked whether time is up.
    let Ok(looked) = tokio::time::timeout(within, look).await else {
        return Ok(Integrity::Unfinished { bytes });
    };
    let outcome = looked.map_err(|_| StoreError::Closed)?;
    if let Err(error) = &outcome
        && error.is_damage()
    {
        mark_suspect(state_dir);
    }
    match outcome {
        Err(error) if error.is_interruption() => Ok(Integrity::Unfinished { bytes }),
        outcome => outcome.map(|()| Integrity::Sound { bytes }),
    }
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::UnixTime;

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn a_database_is_looked_over_while_it_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), UnixTime(0)).unwrap().store;
        let looked = look_over(dir.path(), Duration::from_secs(60)).await.unwrap();
        assert!(matches!(looked, Integrity::Sound { bytes } if bytes > 0), "{looked:?}");
        store.close();
    }

    #[tokio::test]
    async fn a_large_database_is_looked_at_for_as_long_as_was_said() {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path(), UnixTime(0)).unwrap().store.close();
        let connection = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
                    INSERT INTO meta SELECT i, zeroblob(4000) FROM n";
        connection.execute(fill, []).unwrap();
        drop(connection);
        let looked = look_over(dir.path(), Duration::from_millis(1)).await.unwrap();
        assert!(matches!(looked, Integrity::Unfinished { bytes } if bytes > 60_000_000), "{looked:?}");
    }

    #[tokio::test]
    async fn damage_is_found_and_the_next_start_is_told() {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path(), UnixTime(0)).unwrap().store.close();
        let path = dir.path().join(DATABASE);
        let mut bytes = fs::read(&path).unwrap();
        bytes.iter_mut().skip(4_096).for_each(|byte| *byte ^= 0x5a);
        fs::write(&path, bytes).unwrap();
        let error = look_over(dir.path(), Duration::from_secs(60)).await.unwrap_err();
        assert!(error.is_damage(), "{error:?}");
        assert!(dir.path().join("guestissuer.db.suspect").exists());
    }
}
