//! What mints bring and how they fail, in the database.

use guestissuer_proto::response::{MintFailure, MintRecord};
use guestissuer_proto::{DisplayName, Failure, UnixTime};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::guests::{from_json, time, to_json};
use crate::domain::credential::Lifetime;
use crate::domain::guest::{GuestId, IssuerId, Sealed};

/// How many mints of a guest are remembered.
const HISTORY: u32 = 10;

/// What a mint brought, ready to be stored.
#[derive(Debug)]
pub struct NewToken {
    /// Whose token.
    pub guest: GuestId,
    /// Whose guest it was when the token was asked for.
    pub issuer: IssuerId,
    /// What the guest was called when it was minted.
    pub name: DisplayName,
    /// The token.
    pub sealed: Sealed,
    /// Its times.
    pub lifetime: Lifetime,
    /// Webex's tracking id of the answer.
    pub tracking_id: Option<String>,
    /// Webex's id of the person, where the answer said.
    pub person_id: Option<String>,
    /// The person's address, where the answer said.
    pub email: Option<String>,
}

/// What became of the guest while its token was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing.
    Same,
    /// It was renamed. The token is stored, and due to be refreshed at once, so that Webex learns of the name.
    Renamed,
    /// It was removed, or moved to another issuer. Nothing is stored.
    Removed,
}

/// Stores a token and plans its refresh.
pub fn record_mint(connection: &Connection, new: &NewToken) -> Result<Meanwhile, StoreError> {
    let Lifetime { issued_at, expires_at, refresh_at } = new.lifetime;
    let mut update = connection.prepare_cached(
        "UPDATE guest SET issued_at = ?2, expires_at = ?3,
             refresh_at = iif(display_name = ?7, ?4, ?2), next_attempt_at = iif(display_name = ?7, ?4, ?2),
             failures = 0, last_error = NULL, person_id = coalesce(?5, person_id), email = coalesce(?6, email)
         WHERE id = ?1 AND issuer_id = ?8 RETURNING display_name = ?7",
    )?;
    let values = params![
        new.guest.0,
        issued_at.0,
        expires_at.0,
        refresh_at.0,
        new.person_id,
        new.email,
        new.name.as_str(),
        new.issuer.0
    ];
    let Some(has_same_name) = update.query_row(values, |row| row.get(0)).optional()? else {
        return Ok(Meanwhile::Removed);
    };
    let mut upsert = connection.prepare_cached(
        "INSERT INTO token (guest_id, sealed) VALUES (?1, ?2) ON CONFLICT (guest_id) DO UPDATE SET sealed = ?2",
    )?;
    upsert.execute(params![new.guest.0, new.sealed.0])?;
    remember(connection, new.guest, issued_at, Some(expires_at), None, new.tracking_id.as_deref())?;
    Ok(if has_same_name { Meanwhile::Same } else { Meanwhile::Renamed })
}

/// Writes down a failed mint of an issuer's guest and plans the next attempt. The token at hand stays.
pub fn record_failure(
    connection: &Connection,
    id: GuestId,
    issuer: IssuerId,
    failure: &MintFailure,
    next_attempt_at: UnixTime,
) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE guest SET failures = failures + 1, last_error = ?3, next_attempt_at = ?4
         WHERE id = ?1 AND issuer_id = ?2",
    )?;
    if update.execute(params![id.0, issuer.0, to_json(failure), next_attempt_at.0])? == 0 {
        return Ok(());
    }
    let tracking_id = failure.tracking_id.as_deref();
    remember(connection, id, failure.at, None, Some(&failure.failure), tracking_id)
}

/// Throws a guest's token away, if it is still the one minted at `issued_at`. Whether it was.
///
/// The guest keeps the time of the mint, so that a mint under way knows what it replaces. A pinned guest is minted for
/// at once; any other on its next use.
pub fn invalidate(
    connection: &Connection,
    id: GuestId,
    issued_at: UnixTime,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let thrown_away = connection.execute(
        "UPDATE guest SET expires_at = min(expires_at, ?3), refresh_at = min(refresh_at, ?3),
             next_attempt_at = iif(pinned, ?3, NULL)
         WHERE id = ?1 AND issued_at = ?2 AND EXISTS (SELECT 1 FROM token WHERE guest_id = ?1)",
        params![id.0, issued_at.0, now.0],
    )?;
    if thrown_away > 0 {
        connection.execute("DELETE FROM token WHERE guest_id = ?1", [id.0])?;
    }
    Ok(thrown_away > 0)
}

/// Writes down who Webex says that an issuer's guest is.
pub fn record_person(
    connection: &Connection,
    id: GuestId,
    issuer: IssuerId,
    person_id: &str,
    email: Option<&str>,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE guest SET person_id = ?3, email = coalesce(?4, email) WHERE id = ?1 AND issuer_id = ?2",
        params![id.0, issuer.0, person_id, email],
    )?;
    Ok(())
}

/// The last mints of a guest, newest first.
pub fn history(connection: &Connection, id: GuestId) -> Result<Vec<MintRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT at, expires_at, failure, tracking_id FROM mint WHERE guest_id = ?1 ORDER BY id DESC",
    )?;
    let rows = statement.query_map([id.0], |row| {
        Ok(MintRecord {
            at: UnixTime(row.get(0)?),
            expires_at: row.get::<_, Option<i64>>(1)?.map(UnixTime),
            failure: from_json(row.get(2)?),
            tracking_id: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn remember(
    connection: &Connection,
    guest: GuestId,
    at: UnixTime,
    expires_at: Option<UnixTime>,
    failure: Option<&Failure>,
    tracking_id: Option<&str>,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO mint (guest_id, at, expires_at, failure, tracking_id) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute(params![guest.0, at.0, time(expires_at), failure.map(to_json), tracking_id])?;
    let mut trim = connection.prepare_cached(
        "DELETE FROM mint WHERE guest_id = ?1 AND id NOT IN
             (SELECT id FROM mint WHERE guest_id = ?1 ORDER BY id DESC LIMIT ?2)",
    )?;
    trim.execute(params![guest.0, HISTORY])?;
    Ok(())
}
