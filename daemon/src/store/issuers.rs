//! Issuers in the database, and the few values that belong to the database as a whole.

use guestissuer_proto::response::{IssuerKind, MintFailure};
use guestissuer_proto::{IssuerName, UnixTime};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::StoreError;
use super::guests::{from_json, parsed, time, to_json};
use crate::domain::guest::{Issuer, IssuerId, Sealed};

const COLUMNS: &str = "id, name, kind, public_id, api_base, sealed, is_default, created_at, last_success_at, \
                       last_error, paused_until, successor_id";

/// What a new issuer starts with.
#[derive(Debug)]
pub struct NewIssuer {
    /// What the user calls it.
    pub name: IssuerName,
    /// What kind of application it is.
    pub kind: IssuerKind,
    /// What Webex knows it by.
    pub public_id: String,
    /// Where its API is.
    pub api_base: String,
    /// Its secret.
    pub sealed: Sealed,
    /// When it was added.
    pub created_at: UnixTime,
}

/// All issuers, by name.
pub fn all(connection: &Connection) -> Result<Vec<Issuer>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM issuer ORDER BY name"))?;
    let rows = statement.query_map([], issuer)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Stores a new issuer, the default one if it is the first; `None` if the name is taken.
pub fn add(connection: &Connection, new: &NewIssuer) -> Result<Option<IssuerId>, StoreError> {
    let id = connection
        .query_row(
            "INSERT INTO issuer (name, kind, public_id, api_base, sealed, created_at, is_default)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, NOT EXISTS (SELECT 1 FROM issuer WHERE is_default))
             ON CONFLICT (name) DO NOTHING RETURNING id",
            params![
                new.name.as_str(),
                new.kind.as_str(),
                new.public_id,
                new.api_base,
                new.sealed.0,
                new.created_at.0
            ],
            |row| row.get(0).map(IssuerId),
        )
        .optional()?;
    Ok(id)
}

/// Replaces what an issuer proves itself with, and forgets what spoke for and against the old credentials.
pub fn update(
    connection: &Connection,
    id: IssuerId,
    public_id: &str,
    api_base: &str,
    sealed: &Sealed,
    now: UnixTime,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE issuer SET public_id = ?2, api_base = ?3, sealed = ?4, last_error = NULL, last_success_at = NULL
         WHERE id = ?1",
        params![id.0, public_id, api_base, sealed.0],
    )?;
    forgive(connection, id, now)
}

/// Forgets how often mints of an issuer's guests failed, so that they are tried again at once.
pub fn forgive(connection: &Connection, id: IssuerId, now: UnixTime) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE guest SET next_attempt_at = min(next_attempt_at, ?2), failures = 0 WHERE issuer_id = ?1 AND failures > 0",
        params![id.0, now.0],
    )?;
    Ok(())
}

/// Forgets an issuer; one that has guests only `with_guests`. Whether it was forgotten.
pub fn remove(connection: &Connection, id: IssuerId, with_guests: bool) -> Result<bool, StoreError> {
    let removed = connection.execute(
        "DELETE FROM issuer WHERE id = ?1 AND (?2 OR NOT EXISTS (SELECT 1 FROM guest WHERE issuer_id = ?1))",
        params![id.0, with_guests],
    )?;
    Ok(removed > 0)
}

/// Whether there is such an issuer.
pub fn exists(connection: &Connection, id: IssuerId) -> Result<bool, StoreError> {
    let exists = "SELECT EXISTS (SELECT 1 FROM issuer WHERE id = ?1)";
    Ok(connection.query_row(exists, [id.0], |row| row.get(0))?)
}

/// Makes one issuer the default.
pub fn set_default(connection: &Connection, id: IssuerId) -> Result<(), StoreError> {
    connection.execute("UPDATE issuer SET is_default = (id = ?1)", [id.0])?;
    Ok(())
}

/// Lets one issuer take the place of another that has no guests left: also as the default. Whether it became that.
pub fn succeed(connection: &Connection, from: IssuerId, to: IssuerId) -> Result<bool, StoreError> {
    connection.execute("UPDATE issuer SET successor_id = NULL WHERE id = ?1", [to.0])?;
    connection.execute("UPDATE issuer SET successor_id = ?2 WHERE id = ?1", [from.0, to.0])?;
    let was_default = "SELECT is_default FROM issuer WHERE id = ?1";
    let was_default: bool = connection.query_row(was_default, [from.0], |row| row.get(0))?;
    if was_default {
        set_default(connection, to)?;
    }
    Ok(was_default)
}

/// How many guests an issuer has.
pub fn count_guests(connection: &Connection, id: IssuerId) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM guest WHERE issuer_id = ?1")?;
    Ok(statement.query_row([id.0], |row| row.get(0))?)
}

/// Writes down that Webex refused or asked to wait. An earlier, longer wait stays.
pub fn record_failure(
    connection: &Connection,
    id: IssuerId,
    failure: &MintFailure,
    paused_until: Option<UnixTime>,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE issuer SET last_error = ?2,
             paused_until = CASE WHEN ?3 > coalesce(paused_until, 0) THEN ?3 ELSE paused_until END
         WHERE id = ?1",
        params![id.0, to_json(failure), time(paused_until)],
    )?;
    Ok(())
}

/// Writes down that Webex minted a token.
pub fn record_success(connection: &Connection, id: IssuerId, at: UnixTime) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE issuer SET last_success_at = ?2, last_error = NULL WHERE id = ?1",
        params![id.0, at.0],
    )?;
    Ok(())
}

/// Forgets what was held against an issuer.
pub fn absolve(connection: &Connection, id: IssuerId) -> Result<(), StoreError> {
    connection.execute("UPDATE issuer SET last_error = NULL WHERE id = ?1", [id.0])?;
    Ok(())
}

/// A value that belongs to the database as a whole.
pub fn meta(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let value = connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0));
    Ok(value.optional()?)
}

/// Sets a value that belongs to the database as a whole.
pub fn set_meta(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        params![key, value],
    )?;
    Ok(())
}

fn issuer(row: &Row<'_>) -> rusqlite::Result<Issuer> {
    let kind: String = row.get(2)?;
    Ok(Issuer {
        id: IssuerId(row.get(0)?),
        name: parsed(row, 1)?,
        kind: kind_from(&kind)?,
        public_id: row.get(3)?,
        api_base: row.get(4)?,
        sealed: Sealed(row.get(5)?),
        is_default: row.get(6)?,
        created_at: UnixTime(row.get(7)?),
        last_success_at: row.get::<_, Option<i64>>(8)?.map(UnixTime),
        last_error: from_json(row.get(9)?),
        paused_until: row.get::<_, Option<i64>>(10)?.map(UnixTime),
        successor: row.get::<_, Option<i64>>(11)?.map(IssuerId),
    })
}

fn kind_from(text: &str) -> rusqlite::Result<IssuerKind> {
    IssuerKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(2, "kind".to_owned(), rusqlite::types::Type::Text))
}
