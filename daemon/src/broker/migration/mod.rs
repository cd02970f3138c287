//! Moving guests from one issuer to another, such as from a Guest Issuer to a Service App.
//!
//! A guest is at one issuer at any time: it is moved in the transaction that stores its first token of the new one.

mod carry;
mod plan;

use std::sync::Arc;

use guestissuer_proto::migration::{
    ListMoved, Migration, MigrationEnd, MigrationState, MovedGuest, MovedPage,
};
use guestissuer_proto::request::MAX_PAGE;
use guestissuer_proto::response::IssuerKind;
use guestissuer_proto::{Failure, FailureCode, IssuerName};

use super::Broker;
use super::guests::fitting;
use super::registry::Entry;
use crate::domain::guest::Issuer;
use crate::store::moved::{self, Route};
use crate::store::{StoreError, issuers as issuer_rows};

/// The two issuers between which guests are moved.
#[derive(Clone)]
struct Ends {
    from: Arc<Entry>,
    to: Arc<Entry>,
}

impl Ends {
    fn route(&self) -> Route {
        Route {
            from: self.from.issuer.id,
            from_name: self.from.issuer.name.clone(),
            to: self.to.issuer.id,
            to_name: self.to.issuer.name.clone(),
        }
    }
}

impl Broker {
    /// Lets the new issuer take the place of the old one, if that has no guests left.
    pub async fn end_migration(&self, migration: &Migration) -> Result<MigrationEnd, Failure> {
        let ends = self.ends(migration).await?;
        let route = ends.route();
        let end = self.write(move |rows| {
            let Route { from, to, .. } = route;
            let is_there = issuer_rows::exists(rows, from)? && issuer_rows::exists(rows, to)?;
            if !is_there || !moved::any(rows, from, &route.to_name)? {
                return Ok(None);
            }
            let left = issuer_rows::count_guests(rows, from)?;
            let became_default = left == 0 && issuer_rows::succeed(rows, from, to)?;
            Ok::<_, StoreError>(Some(MigrationEnd { left, became_default }))
        });
        let end = end.await?.ok_or_else(|| {
            let Migration { from, to } = migration;
            Failure::new(FailureCode::Usage, format!("no guest of {from} was moved to {to}"))
        })?;
        if end.left == 0 {
            self.reload_issuers().await?;
            tracing::info!(from = %migration.from, to = %migration.to, "an issuer has taken the place of another");
        }
        Ok(end)
    }

    /// A page of guests that were moved.
    pub async fn list_moved(&self, ask: ListMoved) -> Result<MovedPage, Failure> {
        let limit = usize::from(ask.limit.clamp(1, MAX_PAGE));
        let mut guests = self.read(move |rows| moved::page(rows, &ask, limit + 1)).await?;
        let limit = limit.min(fitting(guests.iter().map(size)));
        let next = (guests.len() > limit).then(|| {
            guests.truncate(limit);
            guests.last().map(|last| last.number)
        });
        Ok(MovedPage { guests, next: next.flatten() })
    }

    /// How far each migration has come, by the names of the issuers.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>, Failure> {
        let states = self.read(|rows| {
            let issuers = issuer_rows::all(rows)?;
            let mut states = Vec::new();
            for issuer in &issuers {
                states.extend(states_of(rows, issuer, &issuers)?);
            }
            Ok::<_, StoreError>(states)
        });
        states.await
    }

    /// The issuers, if guests can be moved from one to the other.
    async fn ends(&self, migration: &Migration) -> Result<Ends, Failure> {
        let from = self.registry.resolve(Some(&migration.from))?;
        let to = self.registry.resolve(Some(&migration.to))?;
        let ends = Ends { from, to };
        let Ends { from, to } = &ends;
        if from.issuer.id == to.issuer.id {
            return Err(Failure::new(FailureCode::Usage, "guests are moved from one issuer to another one")
                .with_hint("name the issuer that they leave, and then the one that takes them"));
        }
        let successor = self.registry.last_successor(Arc::clone(from));
        if ![from.issuer.id, to.issuer.id].contains(&successor.issuer.id) {
            let (from, other) = (&migration.from, &successor.issuer.name);
            let message = format!("{other} has taken the place of {from}, which has no guests any more");
            return Err(Failure::new(FailureCode::Usage, message)
                .with_hint(format!("to move them on: gi issuer migrate {other} {}", migration.to)));
        }
        let is_backwards =
            from.issuer.kind == IssuerKind::ServiceApp && to.issuer.kind == IssuerKind::GuestIssuer;
        if is_backwards {
            // Only as the way back of guests that came from there.
            let Route { from: holder, from_name, to: origin, to_name } = ends.route();
            // Directly, by way of others, or back again already.
            let came = move |rows: &_| {
                Ok(moved::any(rows, origin, &from_name)?
                    || moved::any_at(rows, origin, holder)?
                    || moved::any(rows, holder, &to_name)?)
            };
            if !self.read(came).await? {
                let Migration { from, to } = migration;
                let message = format!(
                    "{from} is a Service App and {to} a Guest Issuer, which had none of its guests before"
                );
                return Err(Failure::new(FailureCode::Usage, message)
                    .with_hint(format!("to move guests to {from}: gi issuer migrate {to} {from}")));
            }
        }
        Ok(ends)
    }
}

/// How far the guests of one issuer were moved.
fn states_of(
    rows: &rusqlite::Connection,
    issuer: &Issuer,
    issuers: &[Issuer],
) -> Result<Vec<MigrationState>, StoreError> {
    let left = issuer_rows::count_guests(rows, issuer.id)?;
    let successor = issuers.iter().find(|other| Some(other.id) == issuer.successor);
    let state = |to: IssuerName, moved, last_at| MigrationState {
        is_complete: successor.is_some_and(|successor| successor.name == to),
        migration: Migration { from: issuer.name.clone(), to },
        moved,
        left,
        last_at,
    };
    let departed = moved::departed(rows, issuer.id)?;
    let mut states: Vec<_> =
        departed.into_iter().map(|gone| state(gone.to, gone.guests, Some(gone.last_at))).collect();
    // An issuer that had no guests can have a successor too.
    if let Some(successor) = successor
        && !states.iter().any(|state| state.is_complete)
    {
        states.push(state(successor.name.clone(), 0, None));
    }
    Ok(states)
}

/// More bytes than a guest takes in a reply.
fn size(guest: &MovedGuest) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let names = guest.subject.as_str().len()
        + guest.display_name.as_str().len()
        + guest.migration.from.as_str().len()
        + guest.migration.to.as_str().len();
    let (before, after) = (&guest.before, &guest.after);
    names
        + [&before.person_id, &before.email, &after.person_id, &after.email]
            .into_iter()
            .map(text)
            .sum::<usize>()
}
