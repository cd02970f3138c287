//! What the world does for the Service App.

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::jwt::Guest;
use crate::refusal::Refusal;
use crate::service_app::{AppDials, AppLedger, Issued, Maker, People, Scope};
use crate::token::{Bearer, Pool, Stamp};
use crate::world::{Ledger, Minted, Ticket, World};

/// The answer of `GET /_control/app`. It has tokens in clear: they open nothing, and tests compare them.
#[derive(Debug, Serialize)]
pub(crate) struct AppState {
    client_id: String,
    refresh_token: String,
    access_token: Option<String>,
    refreshes: u64,
    rotations: u64,
    guests: usize,
}

impl World {
    /// Gives what a refresh token of the app is good for, and counts it.
    ///
    /// All under one lock, also the sealing: of two requests with the same token, one comes first.
    pub(crate) fn refresh(&self, refresh_token: &str, ticket: Ticket) -> Result<(Issued, AppDials), Refusal> {
        let mut ledger = self.ledger();
        let issued = self.with_maker(&mut ledger, |app, maker| app.refresh(refresh_token, maker))?;
        if ledger.epoch == ticket.epoch {
            self.counters.send_modify(|counters| counters.app_refreshes += 1);
        }
        Ok((issued, ledger.app.dials.clone()))
    }

    /// A new pair of tokens, as the developer portal gives to a person.
    pub(crate) fn issue(&self) -> Result<Issued, Refusal> {
        self.with_maker(&mut self.ledger(), AppLedger::issue)
    }

    /// Refuses a bearer that is not the app, and an app that is not allowed to do this.
    pub(crate) fn allow(&self, bearer: &Bearer, scope: Scope) -> Result<(), Refusal> {
        let allowed = match bearer {
            Bearer::Guest(..) => false,
            Bearer::App => self.ledger().app.dials.scopes.contains(scope.name()),
        };
        match (allowed, scope) {
            (true, _) => Ok(()),
            (false, Scope::Read) => Err(Refusal::NoReadScope),
            (false, Scope::Write) => Err(Refusal::NoWriteScope),
        }
    }

    /// Makes an access token for a guest of the app, who is called so from now on.
    pub(crate) fn mint_for_app(&self, guest: Guest, ticket: Ticket) -> Result<Minted, Refusal> {
        self.ledger().app.name(&guest);
        self.mint(guest, Pool::ServiceApp, ticket)
    }

    /// How many guests the app has.
    pub(crate) fn guests_of_app(&self) -> usize {
        self.ledger().app.guests()
    }

    /// What a guest is called now: of the app's guests only the last name counts.
    pub(crate) fn name_of(&self, guest: &Guest, pool: Pool) -> String {
        match pool {
            Pool::GuestIssuer => guest.name.clone(),
            Pool::ServiceApp => self.ledger().app.name_of(&guest.subject).unwrap_or(&guest.name).to_owned(),
        }
    }

    /// Which person a bearer is.
    pub(crate) fn person(&self, bearer: &Bearer) -> Uuid {
        let shared = self.ledger().app.dials.people == People::Shared;
        match bearer {
            Bearer::Guest(guest, _) if shared => self.sealer.person(Pool::GuestIssuer, &guest.subject),
            Bearer::Guest(..) | Bearer::App => self.sealer.person_of(bearer),
        }
    }

    pub(crate) fn app_dials(&self) -> AppDials {
        self.ledger().app.dials.clone()
    }

    /// Changes the fields of the app's dials, if `judge` finds no fault with the outcome, and gives what they are now.
    pub(crate) fn turn_app<E: From<serde_json::Error>>(
        &self,
        change: Map<String, Value>,
        judge: impl FnOnce(&AppDials) -> Result<(), E>,
    ) -> Result<AppDials, E> {
        let mut ledger = self.ledger();
        let dials = ledger.app.dials.changed(change)?;
        judge(&dials)?;
        ledger.app.dials = dials.clone();
        Ok(dials)
    }

    /// Ends the app's access tokens made until now.
    pub(crate) fn revoke_app(&self) {
        let mut ledger = self.ledger();
        let serial = ledger.serial;
        ledger.app.revoke(serial);
    }

    /// Ends the app's refresh tokens made until now.
    pub(crate) fn kill_refresh_tokens(&self) {
        let mut ledger = self.ledger();
        let serial = ledger.serial;
        ledger.app.kill(serial);
    }

    pub(crate) fn app_state(&self) -> AppState {
        let ledger = self.ledger();
        AppState {
            client_id: self.service_app.client_id.clone(),
            refresh_token: ledger.app.newest_refresh().to_owned(),
            access_token: ledger.app.newest_access().map(str::to_owned),
            refreshes: ledger.app.refreshes,
            rotations: ledger.app.rotations,
            guests: ledger.app.guests(),
        }
    }

    /// Refuses an access token of the app that was revoked, and notes the use of any other.
    pub(super) fn accept_app(&self, stamp: Stamp) -> Result<(), Refusal> {
        self.with_maker(&mut self.ledger(), |app, maker| app.accept(stamp, maker))
    }

    fn with_maker<T>(&self, ledger: &mut Ledger, act: impl FnOnce(&mut AppLedger, &mut Maker<'_>) -> T) -> T {
        let now = UnixMillis::now(ledger.dials.clock_skew_ms);
        let mut maker = Maker { sealer: &self.sealer, run: self.run, serial: &mut ledger.serial, now };
        act(&mut ledger.app, &mut maker)
    }
}
