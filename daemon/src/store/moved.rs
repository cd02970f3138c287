//! Guests that were moved from one issuer to another, in the database.
//!
//! A guest keeps its row, and with it its number, its history and its pin. What is written down about the move belongs
//! to the guest and is forgotten with it; it outlives the issuer that the guest left.

use guestissuer_proto::migration::{Identity, ListMoved, Migration, MovedGuest};
use guestissuer_proto::{IssuerName, Subject, UnixTime};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::StoreError;
use super::guests::parsed;
use super::mints::{self, Meanwhile, NewToken};
use crate::domain::guest::{GuestId, GuestKey, IssuerId};

/// From which issuer to which.
#[derive(Debug, Clone)]
pub struct Route {
    /// The issuer that the guest leaves.
    pub from: IssuerId,
    /// What it is called.
    pub from_name: IssuerName,
    /// The issuer that takes the guest.
    pub to: IssuerId,
    /// What that is called.
    pub to_name: IssuerName,
}

/// What became of a guest that was to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// It is the other issuer's.
    Moved {
        /// Whether another issuer had that one's place until now.
        successor_ended: bool,
    },
    /// It is no longer where it was. Nothing was stored.
    Gone,
    /// The other issuer has a guest of this subject. Nothing was stored.
    Taken,
    /// There is no such issuer any more. Nothing was stored.
    NoTarget,
}

/// Makes a guest the other issuer's, with the token that was minted there.
pub fn carry(connection: &Connection, route: &Route, new: &NewToken) -> Result<Carried, StoreError> {
    let mut look = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM issuer WHERE id = ?2),
             EXISTS (SELECT 1 FROM guest WHERE issuer_id = ?2 AND subject = (SELECT subject FROM guest WHERE id = ?1))",
    )?;
    match look.query_row([new.guest.0, route.to.0], |row| Ok((row.get(0)?, row.get(1)?)))? {
        (false, _) => return Ok(Carried::NoTarget),
        (true, true) => return Ok(Carried::Taken),
        (true, false) => {}
    }
    let Some(before) = identity(connection, new.guest)? else { return Ok(Carried::Gone) };
    complete(connection, new.guest, &before)?;
    if mints::record_mint(connection, new)? == Meanwhile::Removed {
        return Ok(Carried::Gone);
    }
    // Who the guest was says nothing about who it is now.
    let mut update = connection
        .prepare_cached("UPDATE guest SET issuer_id = ?2, person_id = ?3, email = ?4 WHERE id = ?1")?;
    update.execute(params![new.guest.0, route.to.0, new.person_id, new.email])?;
    let successor_ended = write_down(connection, route, new.guest, &before, new.lifetime.issued_at)?;
    Ok(Carried::Moved { successor_ended })
}

/// Makes one guest of two that have the same subject: the other issuer's, which keeps its token.
pub fn merge(
    connection: &Connection,
    route: &Route,
    old: GuestId,
    new: GuestId,
    now: UnixTime,
) -> Result<Carried, StoreError> {
    let Some(before) = identity(connection, old)? else { return Ok(Carried::Gone) };
    let merged = connection.execute(
        "UPDATE guest SET
             next_attempt_at = iif(old.pinned, coalesce(guest.next_attempt_at, guest.refresh_at, ?5), guest.next_attempt_at),
             pinned = max(guest.pinned, old.pinned),
             created_at = min(guest.created_at, old.created_at),
             last_used_at = max(guest.last_used_at, old.last_used_at)
         FROM guest AS old
         WHERE old.id = ?1 AND old.issuer_id = ?2 AND guest.id = ?3 AND guest.issuer_id = ?4
           AND guest.subject = old.subject",
        params![old.0, route.from.0, new.0, route.to.0, now.0],
    )?;
    if merged == 0 {
        return Ok(Carried::Gone);
    }
    complete(connection, old, &before)?;
    connection.execute("UPDATE mint SET guest_id = ?2 WHERE guest_id = ?1", [old.0, new.0])?;
    connection.execute("UPDATE moved SET guest_id = ?2 WHERE guest_id = ?1", [old.0, new.0])?;
    connection.execute("DELETE FROM guest WHERE id = ?1", [old.0])?;
    let successor_ended = write_down(connection, route, new, &before, now)?;
    Ok(Carried::Moved { successor_ended })
}

/// Where a guest is that this issuer does not have: where it was moved to, or where it would be registered now because
/// another issuer has taken this one's place.
pub fn elsewhere(connection: &Connection, key: &GuestKey) -> Result<Option<IssuerId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(
             (SELECT issuer_id FROM moved JOIN guest ON guest.id = guest_id
              WHERE from_issuer = ?1 AND moved.subject = ?2),
             (SELECT successor_id FROM issuer WHERE id = ?1))
         WHERE NOT EXISTS (SELECT 1 FROM guest WHERE issuer_id = ?1 AND subject = ?2)",
    )?;
    let issuer =
        statement.query_row(params![key.issuer.0, key.subject.as_str()], |row| row.get(0)).optional()?;
    Ok(issuer.flatten().map(IssuerId))
}

/// What was written down when a guest was moved away from an issuer.
pub fn find(connection: &Connection, key: &GuestKey) -> Result<Option<MovedGuest>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE from_issuer = ?1 AND moved.subject = ?2 AND issuer_id <> ?1"
    ))?;
    Ok(statement.query_row(params![key.issuer.0, key.subject.as_str()], moved).optional()?)
}

/// Some of the guests that were moved, in that order.
pub fn page(connection: &Connection, ask: &ListMoved, limit: usize) -> Result<Vec<MovedGuest>, StoreError> {
    // One guest is found by an index; all of them are read in order.
    let which = if ask.subject.is_some() { "moved.subject = ?4" } else { "?4 IS NULL" };
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE moved.id > ?1 AND (?2 IS NULL OR from_name = ?2) AND (?3 IS NULL OR to_name = ?3) AND {which}
         ORDER BY moved.id LIMIT ?5"
    ))?;
    let after = i64::try_from(ask.after.unwrap_or(0)).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let name = |name: &Option<IssuerName>| name.as_ref().map(ToString::to_string);
    let subject = ask.subject.as_ref().map(Subject::as_str);
    let rows = statement.query_map(params![after, name(&ask.from), name(&ask.to), subject, limit], moved)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What guests that are to be moved have, and lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// How many there are.
    pub guests: u64,
    /// Of which the new issuer has one of the same subject.
    pub in_both: u64,
    /// Of which that one has a valid token.
    pub served: u64,
    /// Whose person id is not known.
    pub unknown: u64,
    /// And who have no valid token to ask with.
    pub unknown_without_token: u64,
}

/// Counts the guests of the old issuer whose subject or display name a glob matches.
pub fn survey(
    connection: &Connection,
    route: &Route,
    pattern: Option<&str>,
    now: UnixTime,
) -> Result<Survey, StoreError> {
    let survey = connection.query_row(
        "SELECT count(*), count(new.id), count(*) FILTER (WHERE new.expires_at > ?4),
             count(*) FILTER (WHERE old.person_id IS NULL),
             count(*) FILTER (WHERE old.person_id IS NULL AND coalesce(old.expires_at, 0) <= ?4)
         FROM guest AS old LEFT JOIN guest AS new ON new.issuer_id = ?2 AND new.subject = old.subject
         WHERE old.issuer_id = ?1 AND (?3 IS NULL OR old.subject GLOB ?3 OR old.display_name GLOB ?3)",
        params![route.from.0, route.to.0, pattern, now.0],
        |row| {
            Ok(Survey {
                guests: row.get(0)?,
                in_both: row.get(1)?,
                served: row.get(2)?,
                unknown: row.get(3)?,
                unknown_without_token: row.get(4)?,
            })
        },
    )?;
    Ok(survey)
}

/// How many guests were moved away from an issuer, by the name of the one that took them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departed {
    /// The issuer that took them.
    pub to: IssuerName,
    /// How many.
    pub guests: u64,
    /// When the last of them was moved.
    pub last_at: UnixTime,
}

/// Where the guests of an issuer were moved, except for those that came back.
pub fn departed(connection: &Connection, from: IssuerId) -> Result<Vec<Departed>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT to_name, count(*), max(at) FROM moved JOIN guest ON guest.id = guest_id
         WHERE from_issuer = ?1 AND issuer_id <> ?1 GROUP BY to_name",
    )?;
    let rows = statement.query_map([from.0], |row| {
        Ok(Departed { to: parsed(row, 0)?, guests: row.get(1)?, last_at: UnixTime(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether any guest was moved from an issuer to one of this name.
pub fn any(connection: &Connection, from: IssuerId, to: &IssuerName) -> Result<bool, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM moved WHERE from_issuer = ?1 AND to_name = ?2)")?;
    Ok(statement.query_row(params![from.0, to.as_str()], |row| row.get(0))?)
}

/// Whether any guest that was moved from one issuer is at another now.
pub fn any_at(connection: &Connection, from: IssuerId, now_at: IssuerId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM moved JOIN guest ON guest.id = guest_id WHERE from_issuer = ?1 AND issuer_id = ?2)",
    )?;
    Ok(statement.query_row([from.0, now_at.0], |row| row.get(0))?)
}

const SELECT: &str = "
    SELECT moved.id, moved.subject, display_name, from_name, to_name, at, person_id_before, email_before,
        iif(is_last, coalesce(person_id_after, person_id), person_id_after),
        iif(is_last, coalesce(email_after, email), email_after)
    FROM (SELECT *, id = (SELECT max(id) FROM moved AS other WHERE other.guest_id = moved.guest_id) AS is_last FROM moved)
        AS moved
    JOIN guest ON guest.id = guest_id";

fn moved(row: &Row<'_>) -> rusqlite::Result<MovedGuest> {
    Ok(MovedGuest {
        number: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        subject: parsed(row, 1)?,
        display_name: parsed(row, 2)?,
        migration: Migration { from: parsed(row, 3)?, to: parsed(row, 4)? },
        at: UnixTime(row.get(5)?),
        before: Identity { person_id: row.get(6)?, email: row.get(7)? },
        after: Identity { person_id: row.get(8)?, email: row.get(9)? },
    })
}

fn identity(connection: &Connection, guest: GuestId) -> Result<Option<Identity>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT person_id, email FROM guest WHERE id = ?1")?;
    let identity =
        statement.query_row([guest.0], |row| Ok(Identity { person_id: row.get(0)?, email: row.get(1)? }));
    Ok(identity.optional()?)
}

/// What became known of a guest since it was moved last is written down with that move, before it is moved again.
fn complete(connection: &Connection, guest: GuestId, known: &Identity) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE moved SET person_id_after = coalesce(person_id_after, ?2), email_after = coalesce(email_after, ?3)
         WHERE id = (SELECT max(id) FROM moved WHERE guest_id = ?1)",
    )?;
    update.execute(params![guest.0, known.person_id, known.email])?;
    Ok(())
}

/// Writes down that a guest was moved, and that the issuer it is at now is replaced by no other. Whether it was.
fn write_down(
    connection: &Connection,
    route: &Route,
    guest: GuestId,
    before: &Identity,
    at: UnixTime,
) -> Result<bool, StoreError> {
    // A guest that came back once and leaves again is told of as it left last.
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO moved (guest_id, from_issuer, from_name, to_name, subject, at, person_id_before,
             email_before, person_id_after, email_after)
         SELECT id, ?2, ?3, ?4, subject, ?5, ?6, ?7, person_id, email FROM guest WHERE id = ?1",
    )?;
    insert.execute(params![
        guest.0,
        route.from.0,
        route.from_name.as_str(),
        route.to_name.as_str(),
        at.0,
        before.person_id,
        before.email
    ])?;
    let mut take_back = connection
        .prepare_cached("UPDATE issuer SET successor_id = NULL WHERE id = ?1 AND successor_id IS NOT NULL")?;
    Ok(take_back.execute([route.to.0])? > 0)
}
