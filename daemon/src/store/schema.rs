//! The tables, and how older ones become these.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Each entry takes the schema one version further. Entries are only ever added.
///
/// Times are milliseconds since 1970. Tokens have a table of their own, so that lists and counts do not read past
/// two kilobytes of ciphertext for each guest. `next_attempt_at` is the schedule. Numbers are never used again
/// (AUTOINCREMENT), because sealed values are bound to them.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE issuer (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        public_id TEXT NOT NULL,
        api_base TEXT NOT NULL,
        sealed BLOB NOT NULL,
        is_default INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        last_success_at INTEGER,
        last_error TEXT,
        paused_until INTEGER
    ) STRICT;
    CREATE TABLE guest (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        issuer_id INTEGER NOT NULL REFERENCES issuer (id) ON DELETE CASCADE,
        subject TEXT NOT NULL,
        display_name TEXT NOT NULL,
        pinned INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        issued_at INTEGER,
        expires_at INTEGER,
        refresh_at INTEGER,
        next_attempt_at INTEGER,
        failures INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        person_id TEXT,
        email TEXT,
        UNIQUE (issuer_id, subject)
    ) STRICT;
    CREATE INDEX guest_schedule ON guest (issuer_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
    CREATE TABLE token (
        guest_id INTEGER PRIMARY KEY REFERENCES guest (id) ON DELETE CASCADE,
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE TABLE mint (
        id INTEGER PRIMARY KEY,
        guest_id INTEGER NOT NULL REFERENCES guest (id) ON DELETE CASCADE,
        at INTEGER NOT NULL,
        expires_at INTEGER,
        failure TEXT,
        tracking_id TEXT
    ) STRICT;
    CREATE INDEX mint_of_guest ON mint (guest_id);
",
    // Lists begin with the guests that fail, and finding a few among very many must not take the time of reading all.
    "
    CREATE INDEX guest_failing ON guest (issuer_id, subject) WHERE last_error IS NOT NULL;
",
    // The own tokens of Service Apps. Both are under one seal, and change together.
    "
    CREATE TABLE app_token (
        issuer_id INTEGER PRIMARY KEY REFERENCES issuer (id) ON DELETE CASCADE,
        sealed BLOB NOT NULL,
        issued_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        refresh_at INTEGER NOT NULL,
        refresh_expires_at INTEGER,
        next_attempt_at INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        last_error TEXT
    ) STRICT;
",
    // Guests that were moved to another issuer. The issuer they left may be forgotten: it is named, not referred to.
    "
    ALTER TABLE issuer ADD COLUMN successor_id INTEGER REFERENCES issuer (id) ON DELETE SET NULL;
    CREATE TABLE moved (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        guest_id INTEGER NOT NULL REFERENCES guest (id) ON DELETE CASCADE,
        from_issuer INTEGER NOT NULL,
        from_name TEXT NOT NULL,
        to_name TEXT NOT NULL,
        subject TEXT NOT NULL,
        at INTEGER NOT NULL,
        person_id_before TEXT,
        email_before TEXT,
        person_id_after TEXT,
        email_after TEXT,
        UNIQUE (subject, from_issuer)
    ) STRICT;
    CREATE INDEX moved_of_guest ON moved (guest_id);
    CREATE INDEX moved_from ON moved (from_issuer, to_name, at);
",
];

/// Marks our databases, so that no other program's is taken for one. The letters are "gi" and the numbers none's.
const APPLICATION: i64 = 0x6769_0d21;

/// Where a database file says whose it is: <https://sqlite.org/fileformat2.html#the_database_header>.
const APPLICATION_AT: u64 = 68;

/// Whether a database file names another program as its owner. Nothing of it is changed; one that names none has to be
/// opened to know.
pub(super) fn says_it_is_foreign(path: &Path) -> Result<bool, StoreError> {
    let file = File::open(path)?;
    let (mut magic, mut application) = ([0; 16], [0; 4]);
    let is_read = file.read_exact_at(&mut magic, 0).and(file.read_exact_at(&mut application, APPLICATION_AT));
    let application = i64::from(u32::from_be_bytes(application));
    Ok(is_read.is_ok() && magic == *b"SQLite format 3\0" && application != 0 && application != APPLICATION)
}

/// Whether the database is ours or new.
pub(super) fn check_owner(connection: &Connection) -> Result<(), StoreError> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let is_new: bool =
        connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if application == APPLICATION || is_new { Ok(()) } else { Err(StoreError::Foreign) }
}

/// The newest schema this build knows.
pub(super) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(StoreError::Newer { found, known: known_version() });
    };
    for (version, migration) in (found + 1..).zip(missing) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
