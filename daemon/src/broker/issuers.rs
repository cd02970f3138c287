//! What is asked about issuers.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::request::{IssuerChange, IssuerRemoval, IssuerSpec};
use guestissuer_proto::response::{IssuerDetail, IssuerKind, IssuerTested};
use guestissuer_proto::{Failure, FailureCode, IssuerName, Secret};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, timeout_at};

use super::credentials::{Checked, check, parse_base};
use super::diagnosis::counted;
use super::registry::{Entry, unseal};
use super::{Broker, failures};
use crate::domain::guest::{Issuer, Sealed};
use crate::store::issuers::{self as issuer_rows, NewIssuer};
use crate::vault::Belonging;
use crate::webex::MintError;
use crate::webex::base::WEBEX;

/// Random bytes in the subject of a throw-away guest.
const TEST_SUBJECT: usize = 8;

/// Whether credentials are tried before they are stored, where that can be done without minting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Only if Webex accepts them.
    First,
    /// They are stored as they are.
    None,
}

impl Broker {
    /// Stores a new issuer.
    pub async fn add_issuer(
        self: &Arc<Self>,
        spec: IssuerSpec,
        trial: Trial,
        deadline: Instant,
    ) -> Result<IssuerDetail, Failure> {
        let name = spec.name.clone();
        let api_base = parse_base(spec.api_base.as_deref())?.unwrap_or_else(|| WEBEX.to_owned());
        let checked = check(spec.credentials)?;
        // One Service App after the other, looked at before Webex is asked: what it answers must find its place.
        let _turn = match &checked {
            Checked::ServiceApp(_) => Some(self.turn_to_add(deadline).await?),
            Checked::GuestIssuer { .. } => None,
        };
        if self.registry.all().iter().any(|entry| entry.issuer.name == name) {
            return Err(is_taken(&name));
        }
        let added = match checked {
            Checked::GuestIssuer { id, secret } => {
                let public_id = id.ok_or_else(|| {
                    Failure::new(FailureCode::Usage, "an issuer needs its id")
                        .with_hint("give it with --id, or in the credentials")
                })?;
                let sealed = self.seal_secret(&name, &public_id, &api_base, &secret)?;
                let new = NewIssuer {
                    name: spec.name,
                    kind: IssuerKind::GuestIssuer,
                    public_id,
                    api_base,
                    sealed,
                    created_at: self.now(),
                };
                self.write(move |rows| issuer_rows::add(rows, &new)).await?
            }
            Checked::ServiceApp(parts) => self.add_app(spec.name, parts, api_base, trial, deadline).await?,
        };
        if added.is_none() {
            return Err(is_taken(&name));
        }
        self.reload_issuers().await?;
        self.schedule_changed.notify_one();
        self.show_issuer(Some(&name)).await
    }

    /// Waits until no other Service App is being added.
    async fn turn_to_add(&self, deadline: Instant) -> Result<MutexGuard<'_, ()>, Failure> {
        timeout_at(deadline, self.issuer_additions.lock()).await.map_err(|_| {
            Failure::new(
                FailureCode::Deadline,
                "another Service App is being added, and Webex has not answered",
            )
            .with_hint("try again when that has ended")
        })
    }

    /// Replaces what an issuer proves itself with, or where its API is. Its guests and their tokens stay.
    pub async fn update_issuer(
        self: &Arc<Self>,
        change: IssuerChange,
        trial: Trial,
        deadline: Instant,
    ) -> Result<IssuerDetail, Failure> {
        let entry = self.registry.resolve(Some(&change.name))?;
        let api_base =
            parse_base(change.api_base.as_deref())?.unwrap_or_else(|| entry.issuer.api_base.clone());
        let checked = change.credentials.map(check).transpose()?;
        match (checked, entry.issuer.kind) {
            (Some(Checked::ServiceApp(parts)), IssuerKind::ServiceApp) => {
                self.update_app(&entry, parts, api_base, trial, deadline).await?;
            }
            (Some(Checked::GuestIssuer { id, secret }), IssuerKind::GuestIssuer) => {
                self.replace_secret(&entry.issuer, id, secret, api_base).await?;
            }
            (None, IssuerKind::GuestIssuer | IssuerKind::ServiceApp) => {
                let secret = unseal(&entry.issuer, &self.vault).map_err(|error| failures::vault(&error))?;
                self.replace_secret(&entry.issuer, None, secret, api_base).await?;
            }
            (Some(Checked::GuestIssuer { .. }), IssuerKind::ServiceApp)
            | (Some(Checked::ServiceApp(_)), IssuerKind::GuestIssuer) => {
                let (name, kind) = (&entry.issuer.name, entry.issuer.kind.as_str());
                return Err(Failure::new(
                    FailureCode::Usage,
                    format!("issuer {name} is a {kind}, and these are credentials of another kind"),
                )
                .with_hint("store them as another issuer, with: gi issuer add"));
            }
        }
        self.reload_issuers().await?;
        // What was held against the old credentials does not count against the new ones.
        self.registry.resolve(Some(&change.name))?.succeeded();
        self.cache.clear();
        self.schedule_changed.notify_one();
        self.show_issuer(Some(&change.name)).await
    }

    async fn replace_secret(
        &self,
        issuer: &Issuer,
        new_id: Option<String>,
        secret: Secret,
        api_base: String,
    ) -> Result<(), Failure> {
        let public_id = new_id.unwrap_or_else(|| issuer.public_id.clone());
        let sealed = self.seal_secret(&issuer.name, &public_id, &api_base, &secret)?;
        let (id, now) = (issuer.id, self.now());
        self.write(move |rows| issuer_rows::update(rows, id, &public_id, &api_base, &sealed, now)).await
    }

    /// Forgets an issuer; one that has guests only if they are to be forgotten too.
    pub async fn remove_issuer(&self, removal: IssuerRemoval) -> Result<IssuerDetail, Failure> {
        let IssuerRemoval { name, with_guests } = &removal;
        let detail = self.show_issuer(Some(name)).await?;
        let (id, with_guests) = (self.registry.resolve(Some(name))?.issuer.id, *with_guests);
        if !self.write(move |rows| issuer_rows::remove(rows, id, with_guests)).await? {
            // Counted anew: some may have come meanwhile.
            let guests = counted(self.show_issuer(Some(name)).await?.guests, "guest", "guests");
            return Err(Failure::new(FailureCode::Usage, format!("issuer {name} has {guests}"))
                .with_hint(format!("to forget them too: gi issuer remove {name} --force")));
        }
        self.reload_issuers().await?;
        self.cache.clear();
        Ok(detail)
    }

    /// Makes an issuer serve where none is named.
    pub async fn default_issuer(&self, name: &IssuerName) -> Result<IssuerDetail, Failure> {
        let entry = self.registry.resolve(Some(name))?;
        let successor = self.registry.last_successor(Arc::clone(&entry));
        if successor.issuer.id != entry.issuer.id {
            let other = &successor.issuer.name;
            let message = format!("{other} has taken the place of {name}, and serves where {name} is named");
            return Err(Failure::new(FailureCode::Usage, message)
                .with_hint(format!("make that one the default: gi issuer default {other}")));
        }
        let id = entry.issuer.id;
        self.write(move |rows| issuer_rows::set_default(rows, id)).await?;
        self.reload_issuers().await?;
        self.show_issuer(Some(name)).await
    }

    /// One issuer, or the default one.
    pub async fn show_issuer(&self, name: Option<&IssuerName>) -> Result<IssuerDetail, Failure> {
        let id = self.registry.resolve(name)?.issuer.id;
        let all = self.list_issuers().await?;
        let entry = self.registry.by_id(id);
        let found = entry.and_then(|entry| all.into_iter().find(|detail| detail.name == entry.issuer.name));
        found.ok_or_else(|| Failure::new(FailureCode::UnknownIssuer, "the issuer was removed meanwhile"))
    }

    /// All issuers, by name.
    pub async fn list_issuers(&self) -> Result<Vec<IssuerDetail>, Failure> {
        let now = self.now();
        let rows = self.read(|rows| {
            let issuers = issuer_rows::all(rows)?;
            issuers
                .into_iter()
                .map(|issuer| Ok((issuer_rows::count_guests(rows, issuer.id)?, issuer)))
                .collect()
        });
        let rows: Vec<(u64, Issuer)> = rows.await?;
        let detail = |(guests, issuer): (u64, Issuer)| IssuerDetail {
            name: issuer.name,
            kind: issuer.kind,
            id: issuer.public_id,
            api_base: issuer.api_base,
            is_default: issuer.is_default,
            guests,
            created_at: issuer.created_at,
            last_success_at: issuer.last_success_at,
            last_error: issuer.last_error,
            paused_until: issuer.paused_until.filter(|until| *until > now),
        };
        Ok(rows.into_iter().map(detail).collect())
    }

    /// Mints a token for a guest that is forgotten at once, to see whether Webex accepts the issuer.
    pub async fn test_issuer(
        self: &Arc<Self>,
        name: Option<&IssuerName>,
        deadline: Instant,
    ) -> Result<IssuerTested, Failure> {
        let entry = self.registry.resolve(name)?;
        let (subject, display_name) = throw_away_guest()?;
        let minted = self.mint_aside(&entry, &subject, &display_name, deadline).await;
        let (_, minted) = minted.map_err(|failed| failed.failure)?;
        self.note_passed_test(&entry).await?;
        Ok(IssuerTested {
            name: entry.issuer.name.clone(),
            token_life_ms: u64::try_from(minted.life.as_millis()).unwrap_or(u64::MAX),
            clock_skew_ms: self.webex.clock_skew_ms(),
        })
    }

    /// Webex accepts the issuer: what was held against it and its guests is forgotten.
    pub(super) async fn note_passed_test(&self, entry: &Entry) -> Result<(), Failure> {
        entry.succeeded();
        let (issuer, now) = (entry.issuer.id, self.now());
        self.write(move |rows| {
            issuer_rows::record_success(rows, issuer, now)?;
            issuer_rows::forgive(rows, issuer, now)
        })
        .await?;
        self.cache.clear();
        self.schedule_changed.notify_one();
        Ok(())
    }

    /// Closes an issuer's door after a request that was for no guest, and writes down why.
    pub(super) async fn hold_against(&self, entry: &Entry, error: &MintError, backoff: Duration) -> Failure {
        let closed = self.close_door(entry, error, backoff, None);
        if closed.blames_issuer {
            let (issuer, record) = (entry.issuer.id, closed.record.clone());
            let written = self
                .write(move |rows| issuer_rows::record_failure(rows, issuer, &record, closed.paused_until));
            // The door in memory is closed all the same.
            drop(written.await);
        }
        closed.record.failure
    }

    pub(super) fn seal_secret(
        &self,
        name: &IssuerName,
        public_id: &str,
        api_base: &str,
        secret: &Secret,
    ) -> Result<Sealed, Failure> {
        let belonging = Belonging::Issuer(name, public_id, api_base);
        self.vault.seal(belonging, secret).map_err(|error| failures::vault(&error))
    }

    pub(super) async fn reload_issuers(&self) -> Result<(), Failure> {
        // What was read first must not take the place of what was read later.
        let _turn = self.issuer_reload.lock().await;
        let issuers = self.read(issuer_rows::all).await?;
        self.registry.replace(issuers, &self.vault, self.clock.now());
        Ok(())
    }

    /// The issuers that can mint.
    pub(super) fn minting_issuers(&self) -> Vec<Arc<Entry>> {
        self.registry.all().into_iter().filter(|entry| entry.minting.is_ok()).collect()
    }
}

fn is_taken(name: &IssuerName) -> Failure {
    Failure::new(FailureCode::Usage, format!("an issuer called {name} exists already"))
        .with_hint(format!("replace its credentials with: gi issuer update {name}"))
}

fn throw_away_guest() -> Result<(guestissuer_proto::Subject, guestissuer_proto::DisplayName), Failure> {
    let mut random = [0; TEST_SUBJECT];
    let internal = |_| Failure::new(FailureCode::Internal, "no throw-away guest could be made up");
    getrandom::fill(&mut random)
        .map_err(|_| Failure::new(FailureCode::Internal, "the system gives no random numbers"))?;
    let subject = format!("gi-test-{:016x}", u64::from_be_bytes(random)).parse().map_err(internal)?;
    Ok((subject, "gi issuer test".parse().map_err(internal)?))
}
