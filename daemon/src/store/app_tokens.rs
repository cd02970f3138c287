//! The own tokens of Service Apps in the database, and when they are refreshed.

use guestissuer_proto::UnixTime;
use guestissuer_proto::response::MintFailure;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::guests::{from_json, time, to_json};
use crate::domain::guest::{AppToken, IssuerId, Sealed};

/// The tokens of one issuer, if it is a Service App.
pub fn find(connection: &Connection, issuer: IssuerId) -> Result<Option<AppToken>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sealed, issued_at, expires_at, refresh_at, refresh_expires_at, next_attempt_at, failures, last_error
         FROM app_token WHERE issuer_id = ?1",
    )?;
    let token = statement.query_row([issuer.0], |row| {
        Ok(AppToken {
            sealed: Sealed(row.get(0)?),
            issued_at: UnixTime(row.get(1)?),
            expires_at: UnixTime(row.get(2)?),
            refresh_at: UnixTime(row.get(3)?),
            refresh_expires_at: row.get::<_, Option<i64>>(4)?.map(UnixTime),
            next_attempt_at: UnixTime(row.get(5)?),
            failures: row.get(6)?,
            last_error: from_json(row.get(7)?),
        })
    });
    Ok(token.optional()?)
}

/// Stores the tokens of an issuer in place of those it had.
pub fn put(connection: &Connection, issuer: IssuerId, token: &AppToken) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO app_token (issuer_id, sealed, issued_at, expires_at, refresh_at, refresh_expires_at,
             next_attempt_at, failures, last_error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (issuer_id) DO UPDATE SET sealed = ?2, issued_at = ?3, expires_at = ?4, refresh_at = ?5,
             refresh_expires_at = ?6, next_attempt_at = ?7, failures = ?8, last_error = ?9",
    )?;
    upsert.execute(params![
        issuer.0,
        token.sealed.0,
        token.issued_at.0,
        token.expires_at.0,
        token.refresh_at.0,
        time(token.refresh_expires_at),
        token.next_attempt_at.0,
        token.failures,
        token.last_error.as_ref().map(to_json)
    ])?;
    Ok(())
}

/// Writes down a failed refresh and plans the next attempt. The tokens stay.
pub fn record_failure(
    connection: &Connection,
    issuer: IssuerId,
    failure: &MintFailure,
    next_attempt_at: UnixTime,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE app_token SET failures = failures + 1, last_error = ?2, next_attempt_at = ?3 WHERE issuer_id = ?1",
        params![issuer.0, to_json(failure), next_attempt_at.0],
    )?;
    Ok(())
}

/// Whether an issuer is there.
pub fn has_issuer(connection: &Connection, issuer: IssuerId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM issuer WHERE id = ?1)")?;
    Ok(statement.query_row([issuer.0], |row| row.get(0))?)
}
