//! All that the sandbox knows and that its requests share.
//!
//! Owns the counts, the request log, the fault rules and the dials. Its lock is only held to look and to note,
//! never across a wait.

mod service_app;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use ring::hmac;
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::counters::Counters;
use crate::faults::{FaultBook, Met};
use crate::jwt::Guest;
use crate::refusal::Refusal;
use crate::service_app::AppLedger;
use crate::settings::{self, RequestLines, Settings};
use crate::token::{Bearer, Holder, Pool, Sealer, Stamp};
use crate::visits::{Asked, Sighting, Visit, VisitLog};

/// How many subjects are counted or revoked one by one, which bounds the memory; later ones only count in the
/// total.
const MAX_SUBJECTS: usize = 100_000;

/// What can be changed while the sandbox runs, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dials {
    /// How long an access token lives that was made for a guest JWT.
    pub(crate) token_life_ms: u64,
    /// How far the sandbox's clock runs ahead of the machine's.
    pub(crate) clock_skew_ms: i64,
}

/// The answer of `GET /_control/state`.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    #[serde(flatten)]
    counters: Counters,
    mints_by_subject: BTreeMap<String, u64>,
}

/// Which request something was done for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    /// Counts the resets: what was begun before one is not counted after it.
    epoch: u64,
    n: u64,
}

/// A token just made.
pub(crate) struct Minted {
    pub(crate) token: String,
    pub(crate) life: Duration,
}

/// What the requests of one sandbox share.
pub(crate) struct World {
    pub(crate) issuer: String,
    pub(crate) key: hmac::Key,
    pub(crate) sealer: Sealer,
    pub(crate) service_app: settings::ServiceApp,
    run: u64,
    first_dials: Dials,
    request_lines: RequestLines,
    /// Changed only while `ledger` is locked, so that whoever sees a count also finds what it counts.
    counters: watch::Sender<Counters>,
    ledger: Mutex<Ledger>,
}

struct Ledger {
    epoch: u64,
    dials: Dials,
    serial: u64,
    visits: VisitLog,
    faults: FaultBook,
    mints_by_subject: BTreeMap<String, u64>,
    /// For each subject the serial of the last token that is no longer valid.
    revoked: BTreeMap<String, u64>,
    app: AppLedger,
}

impl World {
    /// A world in which nothing has happened yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let life_ms = settings.token_life.as_duration().as_millis();
        let dials = Dials {
            token_life_ms: u64::try_from(life_ms).unwrap_or(u64::MAX),
            clock_skew_ms: settings.clock_skew.as_millis(),
        };
        Self {
            issuer: settings.issuer.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, settings.secret.expose()),
            sealer: Sealer::new(settings.secret.expose()),
            service_app: settings.service_app.clone(),
            run: Uuid::new_v4().as_u64_pair().1,
            first_dials: dials,
            request_lines: settings.request_lines,
            counters: watch::Sender::default(),
            ledger: Mutex::new(Ledger {
                epoch: 0,
                dials,
                serial: 0,
                visits: VisitLog::default(),
                faults: FaultBook::default(),
                mints_by_subject: BTreeMap::new(),
                revoked: BTreeMap::new(),
                app: AppLedger::new(
                    &settings.service_app.refresh_token,
                    UnixMillis::now(dials.clock_skew_ms),
                ),
            }),
        }
    }

    /// The time by the sandbox's clock.
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis::now(self.dials().clock_skew_ms)
    }

    /// Counts and logs a request that has just arrived, and finds the fault it meets.
    pub(crate) fn begin(self: &Arc<Self>, sighting: Sighting) -> (Begun, Option<Met>) {
        let mut ledger = self.ledger();
        let now = UnixMillis::now(ledger.dials.clock_skew_ms);
        let met = ledger.faults.meet(&sighting.path, sighting.subject.as_deref());
        let ticket = Ticket { epoch: ledger.epoch, n: self.counters.borrow().requests + 1 };
        let asked = sighting.asked();
        ledger.visits.begin(sighting.into_visit(ticket.n, now, met.as_ref().map(|met| met.id)));
        self.counters.send_modify(|counters| {
            counters.requests += 1;
            match asked {
                Some(Asked::Login) => counters.logins += 1,
                Some(Asked::GuestToken) => counters.guests_asked += 1,
                Some(Asked::Refresh) => counters.refreshes_asked += 1,
                None => {}
            }
            counters.in_flight += 1;
        });
        let world = Arc::clone(self);
        (Begun { world, ticket, status: None, refusal: None }, met)
    }

    /// Makes an access token for a guest and counts it.
    pub(crate) fn mint(&self, guest: Guest, pool: Pool, ticket: Ticket) -> Result<Minted, Refusal> {
        let (serial, life_ms, now) = {
            let mut ledger = self.ledger();
            ledger.serial += 1;
            let life_ms = match pool {
                Pool::GuestIssuer => ledger.dials.token_life_ms,
                Pool::ServiceApp => ledger.app.dials.guest_life_ms,
            };
            (ledger.serial, life_ms, UnixMillis::now(ledger.dials.clock_skew_ms))
        };
        let subject = guest.subject.clone();
        let holder = Holder {
            bearer: Bearer::Guest(guest, pool),
            stamp: Stamp { run: self.run, serial },
            expires_at: now.plus_millis(life_ms),
        };
        let token = self.sealer.mint(&holder)?;
        let mut ledger = self.ledger();
        if ledger.epoch == ticket.epoch {
            count(&mut ledger.mints_by_subject, subject);
            self.counters.send_modify(|counters| counters.mints += 1);
        }
        Ok(Minted { token, life: Duration::from_millis(life_ms) })
    }

    /// Who bears this access token, if it is valid now.
    pub(crate) fn bearer(&self, token: &str) -> Result<Bearer, Refusal> {
        let holder = self.sealer.read(token)?;
        if holder.expires_at <= self.now() {
            return Err(Refusal::TokenExpired);
        }
        match &holder.bearer {
            Bearer::Guest(guest, _) => {
                let revoked = self.ledger().revoked.get(&guest.subject).copied();
                let of_former_run = holder.stamp.run != self.run;
                if revoked.is_some_and(|last| of_former_run || holder.stamp.serial <= last) {
                    return Err(Refusal::TokenRevoked);
                }
            }
            Bearer::App => self.accept_app(holder.stamp)?,
        }
        Ok(holder.bearer)
    }

    /// Ends the validity of every token made for the subject until now. False if too many were revoked already.
    #[must_use]
    pub(crate) fn revoke(&self, subject: String) -> bool {
        let mut ledger = self.ledger();
        let serial = ledger.serial;
        if ledger.revoked.len() >= MAX_SUBJECTS && !ledger.revoked.contains_key(&subject) {
            return false;
        }
        ledger.revoked.insert(subject, serial);
        true
    }

    /// Counts, log, faults, dials and the Service App as they were at the start. Revoked tokens stay revoked.
    pub(crate) fn reset(&self) {
        let mut ledger = self.ledger();
        ledger.epoch += 1;
        ledger.dials = self.first_dials;
        ledger.visits = VisitLog::default();
        ledger.faults.clear();
        ledger.mints_by_subject.clear();
        let now = UnixMillis::now(self.first_dials.clock_skew_ms);
        ledger.app.restore(now);
        self.counters.send_modify(|counters| *counters = counters.only_gauges());
    }

    pub(crate) fn dials(&self) -> Dials {
        self.ledger().dials
    }

    /// Changes the dials, and gives what they are now.
    pub(crate) fn turn(&self, change: impl FnOnce(&mut Dials)) -> Dials {
        let mut ledger = self.ledger();
        change(&mut ledger.dials);
        ledger.dials
    }

    pub(crate) fn state(&self) -> State {
        let ledger = self.ledger();
        State { counters: *self.counters.borrow(), mints_by_subject: ledger.mints_by_subject.clone() }
    }

    pub(crate) fn visits_since(&self, n: u64) -> Vec<Visit> {
        self.ledger().visits.since(n)
    }

    /// Tells of every change of the counts.
    pub(crate) fn watch(&self) -> watch::Receiver<Counters> {
        self.counters.subscribe()
    }

    /// Looks at the fault rules, or changes them.
    pub(crate) fn with_faults<T>(&self, act: impl FnOnce(&mut FaultBook) -> T) -> T {
        act(&mut self.ledger().faults)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing is done under the lock that could leave it half done.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, begun: &Begun) {
        let mut ledger = self.ledger();
        let current = ledger.epoch == begun.ticket.epoch;
        self.counters.send_modify(|counters| {
            counters.in_flight = counters.in_flight.saturating_sub(1);
            counters.refused += u64::from(current && begun.refusal.is_some());
        });
        if !current {
            return;
        }
        let Some(visit) = ledger.visits.end(begun.ticket.n, begun.status, begun.refusal) else {
            return;
        };
        match self.request_lines {
            RequestLines::None => {}
            RequestLines::Stderr => {
                let line = visit.line();
                drop(ledger);
                // Nobody to tell if standard error is closed.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// A request that has begun. When dropped, it has ended: answered, or left by its client.
pub(crate) struct Begun {
    world: Arc<World>,
    ticket: Ticket,
    status: Option<StatusCode>,
    refusal: Option<Refusal>,
}

impl Begun {
    pub(crate) const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Notes the answer.
    pub(crate) fn answered(mut self, status: StatusCode, refusal: Option<Refusal>) {
        self.status = Some(status);
        self.refusal = refusal;
    }

    /// Counts the request as hanging until the guard is dropped.
    pub(crate) fn hang(&self) -> Hanging<'_> {
        let counters = &self.world.counters;
        let ledger = self.world.ledger();
        counters.send_modify(|counters| counters.hanging += 1);
        drop(ledger);
        Hanging { world: &self.world }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.world.end(self);
    }
}

/// A request that a fault holds.
pub(crate) struct Hanging<'a> {
    world: &'a World,
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        let ledger = self.world.ledger();
        self.world.counters.send_modify(|counters| counters.hanging = counters.hanging.saturating_sub(1));
        drop(ledger);
    }
}

fn count(by_subject: &mut BTreeMap<String, u64>, subject: String) {
    if by_subject.len() < MAX_SUBJECTS || by_subject.contains_key(&subject) {
        *by_subject.entry(subject).or_default() += 1;
    }
}
