//! Guests and their schedule in the database.

use std::str::FromStr;

use guestissuer_proto::response::{GuestCounts, MintFailure};
use guestissuer_proto::{DisplayName, Subject, UnixTime};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::domain::credential::Lifetime;
use crate::domain::guest::{Guest, GuestId, GuestKey, IssuerId, Sealed};

const COLUMNS: &str = "guest.id, issuer_id, subject, display_name, pinned, created_at, last_used_at, issued_at, \
                       expires_at, refresh_at, next_attempt_at, failures, last_error, person_id, email";

/// Which guests a page holds.
#[derive(Debug, Clone)]
pub struct Filter {
    /// A glob on subject or display name.
    pub pattern: Option<String>,
    /// Only tokens that expire before this.
    pub expires_before: Option<UnixTime>,
    /// Only guests whose last mint failed.
    pub failing: bool,
}

/// Finds a guest, with its token.
pub fn find(connection: &Connection, key: &GuestKey) -> Result<Option<Guest>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, sealed FROM guest LEFT JOIN token ON guest_id = guest.id
         WHERE issuer_id = ?1 AND subject = ?2"
    ))?;
    let guest = statement.query_row(params![key.issuer.0, key.subject.as_str()], |row| {
        let token = row.get::<_, Option<Vec<u8>>>(15)?.map(Sealed);
        Ok(Guest { token, ..guest(row)? })
    });
    Ok(guest.optional()?)
}

/// Whether a guest is known.
pub fn exists(connection: &Connection, key: &GuestKey) -> Result<bool, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM guest WHERE issuer_id = ?1 AND subject = ?2)")?;
    Ok(statement.query_row(params![key.issuer.0, key.subject.as_str()], |row| row.get(0))?)
}

/// A guest of this display name, among so many of the issuer's.
pub fn called(
    connection: &Connection,
    issuer: IssuerId,
    name: &str,
    among: usize,
) -> Result<Option<Subject>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT subject FROM (SELECT subject, display_name FROM guest WHERE issuer_id = ?1 LIMIT ?3)
             WHERE display_name = ?2 LIMIT 1",
    )?;
    let among = i64::try_from(among).unwrap_or(i64::MAX);
    Ok(statement.query_row(params![issuer.0, name, among], |row| parsed(row, 0)).optional()?)
}

/// Some subjects of an issuer whose length differs by `most` characters at most, first those that begin with the same
/// letter. `alike` and `others` say how many are looked at.
pub fn similar(
    connection: &Connection,
    key: &GuestKey,
    most: usize,
    alike: usize,
    others: usize,
) -> Result<Vec<Subject>, StoreError> {
    let first = key.subject.as_str().chars().next().map(String::from).unwrap_or_default();
    let mut subjects = Vec::new();
    for (comparison, limit) in
        [("subject >= ?2 AND subject < ?2 || char(0x10FFFF)", alike), ("?2 = ?2", others)]
    {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT subject FROM
                 (SELECT subject FROM guest WHERE issuer_id = ?1 AND {comparison} ORDER BY subject LIMIT ?3)
             WHERE abs(length(subject) - ?4) <= ?5"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (length, most) = (key.subject.as_str().chars().count(), most);
        let rows =
            statement.query_map(params![key.issuer.0, first, limit, length, most], |row| parsed(row, 0))?;
        for subject in rows {
            subjects.push(subject?);
        }
    }
    Ok(subjects)
}

/// What became of a guest that was to be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// It is new.
    New,
    /// It was known under another name. Its refresh is due, so that Webex learns of the new one.
    Renamed,
    /// It was known under this name.
    Same,
}

/// Registers a guest if it is not known, and gives it this name.
pub fn register(
    connection: &Connection,
    key: &GuestKey,
    name: &DisplayName,
    now: UnixTime,
) -> Result<Registration, StoreError> {
    let renamed = connection.execute(
        "UPDATE guest SET display_name = ?3, refresh_at = min(refresh_at, ?4), next_attempt_at = ?4,
             last_used_at = max(last_used_at, ?4)
         WHERE issuer_id = ?1 AND subject = ?2 AND display_name <> ?3",
        params![key.issuer.0, key.subject.as_str(), name.as_str(), now.0],
    )?;
    if renamed > 0 {
        return Ok(Registration::Renamed);
    }
    let added = connection.execute(
        "INSERT INTO guest (issuer_id, subject, display_name, pinned, created_at, last_used_at)
         VALUES (?1, ?2, ?3, 0, ?4, ?4) ON CONFLICT (issuer_id, subject) DO NOTHING",
        params![key.issuer.0, key.subject.as_str(), name.as_str(), now.0],
    )?;
    Ok(if added > 0 { Registration::New } else { Registration::Same })
}

/// Pins or unpins a guest; a pinned one is put on the schedule.
pub fn set_pinned(
    connection: &Connection,
    id: GuestId,
    pinned: bool,
    now: UnixTime,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE guest SET pinned = ?2,
             next_attempt_at = CASE WHEN ?2 THEN coalesce(next_attempt_at, refresh_at, ?3) ELSE next_attempt_at END
         WHERE id = ?1",
        params![id.0, pinned, now.0],
    )?;
    Ok(())
}

/// Forgets a guest and its token. Whether it was known.
pub fn remove(connection: &Connection, key: &GuestKey) -> Result<bool, StoreError> {
    let delete = "DELETE FROM guest WHERE issuer_id = ?1 AND subject = ?2";
    Ok(connection.execute(delete, params![key.issuer.0, key.subject.as_str()])? > 0)
}

/// Writes down when guests were last asked for, and puts those back on the schedule that have a token to refresh.
pub fn touch(connection: &Connection, used: &[(GuestId, UnixTime)]) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE guest SET last_used_at = max(last_used_at, ?2),
             next_attempt_at = coalesce(next_attempt_at, (SELECT refresh_at FROM token WHERE guest_id = ?1))
         WHERE id = ?1",
    )?;
    for (id, at) in used {
        update.execute(params![id.0, at.0])?;
    }
    Ok(())
}

/// The guests of an issuer whose next mint is due, longest overdue first. Their tokens are not read.
pub fn due(
    connection: &Connection,
    issuer: IssuerId,
    now: UnixTime,
    limit: usize,
) -> Result<Vec<Guest>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM guest WHERE issuer_id = ?1 AND next_attempt_at <= ?2
         ORDER BY next_attempt_at LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![issuer.0, now.0, limit], guest)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the next mint of an issuer's guests is due that is not due at `after` already.
pub fn next_due(
    connection: &Connection,
    issuer: IssuerId,
    after: UnixTime,
) -> Result<Option<UnixTime>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT next_attempt_at FROM guest WHERE issuer_id = ?1 AND next_attempt_at > ?2
         ORDER BY next_attempt_at LIMIT 1",
    )?;
    Ok(statement.query_row([issuer.0, after.0], |row| row.get(0).map(UnixTime)).optional()?)
}

/// Takes due guests that nobody asked for since `cutoff` off the schedule, unless they are pinned.
pub fn retire_idle(
    connection: &Connection,
    issuer: IssuerId,
    now: UnixTime,
    cutoff: UnixTime,
) -> Result<usize, StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE guest SET next_attempt_at = NULL
         WHERE issuer_id = ?1 AND next_attempt_at <= ?2 AND NOT pinned AND last_used_at < ?3",
    )?;
    Ok(update.execute(params![issuer.0, now.0, cutoff.0])?)
}

/// Whether [`retire_idle`] would do anything, without waiting for the writer.
pub fn has_idle(
    connection: &Connection,
    issuer: IssuerId,
    now: UnixTime,
    cutoff: UnixTime,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM guest
         WHERE issuer_id = ?1 AND next_attempt_at <= ?2 AND NOT pinned AND last_used_at < ?3)",
    )?;
    Ok(statement.query_row(params![issuer.0, now.0, cutoff.0], |row| row.get(0))?)
}

/// Whether any guest is pinned.
pub fn any_pinned(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM guest WHERE pinned)", [], |row| row.get(0))?)
}

/// An issuer's guests in order of subject, after `after`. Their tokens are not read.
pub fn page(
    connection: &Connection,
    issuer: IssuerId,
    after: Option<&Subject>,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Guest>, StoreError> {
    // The index of those that fail is only used by a statement that is about nothing else.
    let (index, failing) =
        if filter.failing { ("INDEXED BY guest_failing", "AND last_error IS NOT NULL") } else { ("", "") };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM guest {index}
         WHERE issuer_id = ?1 AND subject > ?2 {failing}
           AND (?3 IS NULL OR subject GLOB ?3 OR display_name GLOB ?3)
           AND (?4 IS NULL OR expires_at <= ?4)
         ORDER BY subject LIMIT ?5"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = after.map_or("", Subject::as_str);
    let expires_before = time(filter.expires_before);
    let rows = statement.query_map(params![issuer.0, after, filter.pattern, expires_before, limit], guest)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many guests are in each state.
pub fn count(connection: &Connection, now: UnixTime) -> Result<GuestCounts, StoreError> {
    let counts = connection.query_row(
        "SELECT count(*),
             count(*) FILTER (WHERE expires_at > ?1 AND refresh_at > ?1),
             count(*) FILTER (WHERE expires_at > ?1 AND refresh_at <= ?1),
             count(*) FILTER (WHERE expires_at <= ?1),
             count(*) FILTER (WHERE expires_at IS NULL),
             count(*) FILTER (WHERE last_error IS NOT NULL)
         FROM guest",
        [now.0],
        |row| {
            Ok(GuestCounts {
                total: row.get(0)?,
                fresh: row.get(1)?,
                due: row.get(2)?,
                expired: row.get(3)?,
                none: row.get(4)?,
                failing: row.get(5)?,
            })
        },
    )?;
    Ok(counts)
}

/// How many guests were to be minted for before `before`, and still are.
pub fn count_late(connection: &Connection, before: UnixTime) -> Result<u64, StoreError> {
    let late = "SELECT count(*) FROM guest WHERE next_attempt_at < ?1";
    Ok(connection.query_row(late, [before.0], |row| row.get(0))?)
}

/// The failure that is the latest among guests and issuers that still fail.
pub fn last_failure(connection: &Connection) -> Result<Option<MintFailure>, StoreError> {
    let failure = connection
        .query_row(
            "SELECT last_error FROM (SELECT last_error FROM guest UNION ALL SELECT last_error FROM issuer)
             WHERE last_error IS NOT NULL ORDER BY json_extract(last_error, '$.at') DESC LIMIT 1",
            [],
            |row| row.get(0).map(from_json),
        )
        .optional()?;
    Ok(failure.flatten())
}

fn guest(row: &Row<'_>) -> rusqlite::Result<Guest> {
    Ok(Guest {
        id: GuestId(row.get(0)?),
        key: GuestKey { issuer: IssuerId(row.get(1)?), subject: parsed(row, 2)? },
        display_name: parsed(row, 3)?,
        pinned: row.get(4)?,
        created_at: UnixTime(row.get(5)?),
        last_used_at: UnixTime(row.get(6)?),
        lifetime: lifetime(row)?,
        token: None,
        next_attempt_at: row.get::<_, Option<i64>>(10)?.map(UnixTime),
        failures: row.get(11)?,
        last_error: from_json(row.get(12)?),
        person_id: row.get(13)?,
        email: row.get(14)?,
    })
}

fn lifetime(row: &Row<'_>) -> rusqlite::Result<Option<Lifetime>> {
    let times: (Option<i64>, Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?, row.get(9)?);
    Ok(match times {
        (Some(issued), Some(expires), Some(refresh)) => Some(Lifetime {
            issued_at: UnixTime(issued),
            expires_at: UnixTime(expires),
            refresh_at: UnixTime(refresh),
        }),
        _ => None,
    })
}

/// Reads a name, holding the database to the same rules as everyone else.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| rusqlite::Error::InvalidColumnType(column, "name".to_owned(), Type::Text))
}

pub(super) fn time(time: Option<UnixTime>) -> Option<i64> {
    time.map(|time| time.0)
}

/// Failures are kept as JSON, for people who look into the database and for later versions that say more.
pub(super) fn to_json<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// An unreadable failure, written by another version, counts as none.
pub(super) fn from_json<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}
