//! Opening the database, and setting it aside when it is damaged.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guestissuer_proto::UnixTime;
use rusqlite::{Connection, OpenFlags};

use super::{Store, StoreError, actor, issuers, schema};

/// Name of the database in the state directory.
pub const DATABASE: &str = "guestissuer.db";

/// Up to this size the whole file is checked at every start, which takes a second at most. Of a larger one, only
/// what is read is checked as it is read.
const CHECKED_IN_FULL: u64 = 512 * 1024 * 1024;

/// Name of the file that says that damage was met while the database was in use.
const SUSPECT: &str = "guestissuer.db.suspect";

/// How many threads read. Reads are short; two keep one slow list from delaying everyone.
const READERS: usize = 2;

/// How long SQLite waits for another process, such as a person with a database browser, to let go.
const BUSY: Duration = Duration::from_secs(2);

/// A store that is ready, and what had to be done to get there.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The damaged database that was set aside, if there was one.
    pub set_aside: Option<SetAside>,
}

/// A database that could not be used.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// Why.
    pub cause: StoreError,
}

pub(super) fn open(state_dir: &Path, now: UnixTime) -> Result<Opened, StoreError> {
    let path = state_dir.join(DATABASE);
    let (writer, set_aside) = match open_writer(&path) {
        Ok(writer) => (writer, None),
        Err(cause) if cause.is_damage() => {
            let aside = set_aside(&path, now)?;
            // The suspicion goes with the database it was about.
            let _ = fs::remove_file(path.with_file_name(SUSPECT));
            (open_writer(&path)?, Some(SetAside { path: aside, cause }))
        }
        Err(cause) => return Err(cause),
    };
    let readers = (0..READERS).map(|_| open_reader(&path)).collect::<Result<_, _>>()?;
    Ok(Opened { store: actor::start(writer, readers)?, set_aside })
}

/// Has the next start check the whole database, however large it is.
pub fn mark_suspect(state_dir: &Path) {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(state_dir.join(SUSPECT));
    if let Err(error) = file {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot mark the database as damaged");
    }
}

/// Looks at the database without changing anything. A database that is not there is in order.
///
/// The value is what the database holds under `meta_key`.
pub fn check(state_dir: &Path, meta_key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let path = state_dir.join(DATABASE);
    if !path.try_exists()? {
        return Ok(None);
    }
    let connection = open_reader(&path)?;
    schema::check_owner(&connection)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > schema::known_version() {
        return Err(StoreError::Newer { found, known: schema::known_version() });
    }
    check_integrity(&connection)?;
    if found == 0 { Ok(None) } else { issuers::meta(&connection, meta_key) }
}

fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    // SQLite would take the empty file for a new database, and throw the journal away.
    if length(path) == 0 && length(&path.with_file_name(format!("{DATABASE}-wal"))) > 0 {
        return Err(StoreError::Orphaned);
    }
    // Another program's database is not so much as opened for writing.
    if length(path) > 0 && schema::says_it_is_foreign(path)? {
        return Err(StoreError::Foreign);
    }
    // Born private, whatever the umask; SQLite gives its companions the mode of the database.
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is forgotten is overwritten, not just unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    let suspicion = path.with_file_name(SUSPECT);
    let is_suspect = suspicion.try_exists()?;
    if is_suspect || fs::metadata(path)?.len() <= CHECKED_IN_FULL {
        check_integrity(&connection)?;
    }
    if is_suspect {
        fs::remove_file(suspicion)?;
    }
    schema::check_owner(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

pub(super) fn check_integrity(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(verdict)).into())
}

/// Moves the database out of the way under a dated name that is not taken.
///
/// Its companions go first: a journal left beside a new database of the same name would be played back into it.
fn set_aside(path: &Path, now: UnixTime) -> Result<PathBuf, StoreError> {
    let stamp = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let named = |suffix: &str, attempt: u32| {
        let again = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        path.with_file_name(format!("{DATABASE}.damaged-{stamp}{again}{suffix}"))
    };
    let is_free = |attempt: &u32| !["", "-wal", "-shm"].iter().any(|suffix| named(suffix, *attempt).exists());
    let attempt = (0..u32::MAX).find(is_free).unwrap_or(u32::MAX);
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(path.with_file_name(format!("{DATABASE}{suffix}")), named(suffix, attempt)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(named("", attempt))
}
