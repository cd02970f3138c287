//! What is asked about issuers.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::request::{Credentials, IssuerChange, IssuerRemoval, IssuerSpec};
use guestissuer_proto::response::{IssuerDetail, IssuerKind, IssuerTested};
use guestissuer_proto::{Failure, FailureCode, IssuerName, Secret};
use tokio::time::Instant;

use super::registry::{Entry, unseal};
use super::{Broker, failures, roll};
use crate::domain::guest::{Issuer, Sealed};
use crate::domain::policy;
use crate::store::issuers::{self as issuer_rows, NewIssuer};
use crate::vault::Belonging;
use crate::webex::base::{ApiBase, WEBEX};
use crate::webex::{IssuerAccess, MintError, MintRequest};

/// The longest issuer id that is believed. Real ones are a hundred characters.
pub(super) const LONGEST_ID: usize = 1024;

/// Random bytes in the subject of a throw-away guest.
const TEST_SUBJECT: usize = 8;

/// Credentials that were looked at: kind, id and secret.
pub(super) struct Checked {
    pub(super) kind: IssuerKind,
    pub(super) id: Option<String>,
    pub(super) secret: Secret,
}

impl Broker {
    /// Stores a new issuer.
    pub async fn add_issuer(&self, spec: IssuerSpec) -> Result<IssuerDetail, Failure> {
        let api_base = parse_base(spec.api_base.as_deref())?.unwrap_or_else(|| WEBEX.to_owned());
        let Checked { kind, id, secret } = check(spec.credentials)?;
        let public_id = id.ok_or_else(|| {
            Failure::new(FailureCode::Usage, "an issuer needs its id")
                .with_hint("give it with --id, or in the credentials")
        })?;
        let sealed = self.seal_secret(&spec.name, &public_id, &api_base, &secret)?;
        let name = spec.name.clone();
        let new = NewIssuer { name: spec.name, kind, public_id, api_base, sealed, created_at: self.now() };
        let added = self.write(move |rows| issuer_rows::add(rows, &new)).await?;
        if added.is_none() {
            return Err(Failure::new(FailureCode::Usage, format!("an issuer called {name} exists already"))
                .with_hint(format!("replace its credentials with: gi issuer update {name}")));
        }
        self.reload_issuers().await?;
        self.show_issuer(Some(&name)).await
    }

    /// Replaces what an issuer proves itself with, or where its API is. Its guests and their tokens stay.
    pub async fn update_issuer(&self, change: IssuerChange) -> Result<IssuerDetail, Failure> {
        let entry = self.registry.resolve(Some(&change.name))?;
        let issuer = &entry.issuer;
        let api_base = parse_base(change.api_base.as_deref())?.unwrap_or_else(|| issuer.api_base.clone());
        let (new_id, secret) = match change.credentials.map(check).transpose()? {
            Some(Checked { id, secret, .. }) => (id, secret),
            None => (None, unseal(issuer, &self.vault).map_err(|error| failures::vault(&error))?),
        };
        let public_id = new_id.unwrap_or_else(|| issuer.public_id.clone());
        let sealed = self.seal_secret(&issuer.name, &public_id, &api_base, &secret)?;
        let (id, now) = (issuer.id, self.now());
        self.write(move |rows| issuer_rows::update(rows, id, &public_id, &api_base, &sealed, now)).await?;
        self.reload_issuers().await?;
        // What was held against the old credentials does not count against the new ones.
        self.registry.resolve(Some(&change.name))?.succeeded();
        self.cache.clear();
        self.schedule_changed.notify_one();
        self.show_issuer(Some(&change.name)).await
    }

    /// Forgets an issuer; one that has guests only if they are to be forgotten too.
    pub async fn remove_issuer(&self, removal: IssuerRemoval) -> Result<IssuerDetail, Failure> {
        let detail = self.show_issuer(Some(&removal.name)).await?;
        if detail.guests > 0 && !removal.with_guests {
            let name = &removal.name;
            let guests =
                if detail.guests == 1 { "1 guest".to_owned() } else { format!("{} guests", detail.guests) };
            return Err(Failure::new(FailureCode::Usage, format!("issuer {name} has {guests}"))
                .with_hint(format!("to forget them too: gi issuer remove {name} --force")));
        }
        let id = self.registry.resolve(Some(&removal.name))?.issuer.id;
        self.write(move |rows| issuer_rows::remove(rows, id)).await?;
        self.reload_issuers().await?;
        self.cache.clear();
        Ok(detail)
    }

    /// Makes an issuer serve where none is named.
    pub async fn default_issuer(&self, name: &IssuerName) -> Result<IssuerDetail, Failure> {
        let id = self.registry.resolve(Some(name))?.issuer.id;
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
        &self,
        name: Option<&IssuerName>,
        deadline: Instant,
    ) -> Result<IssuerTested, Failure> {
        let entry = self.registry.resolve(name)?;
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        self.respect_pause(&entry)?;
        let (subject, display_name) = throw_away_guest()?;
        let request = MintRequest {
            base: &minting.base,
            access: &minting.access,
            subject: &subject,
            name: &display_name,
            timeout: self.settings.request_timeout,
        };
        let wait = entry.door().gate.reserve(self.clock.now(), self.settings.mints_per_second);
        let attempt = async {
            tokio::time::sleep(wait).await;
            let _slot = self.slots.acquire().await;
            // Webex may have asked to wait while this stood in line.
            self.respect_pause(&entry)?;
            Ok(self.webex.mint(&request).await)
        };
        let minted = tokio::time::timeout_at(deadline, attempt).await;
        let minted = minted
            .map_err(|_| Failure::new(FailureCode::Deadline, "Webex did not answer in the time given"))??;
        let minted = match minted {
            Ok(minted) => minted,
            Err(error) => {
                return Err(self.hold_against(&entry, &error, policy::backoff(1, None, roll())).await);
            }
        };
        self.note_passed_test(&entry).await?;
        Ok(IssuerTested {
            name: entry.issuer.name.clone(),
            token_life_ms: u64::try_from(minted.life.as_millis()).unwrap_or(u64::MAX),
            clock_skew_ms: self.webex.clock_skew_ms(),
        })
    }

    /// Fails while Webex wants no request for the issuer.
    fn respect_pause(&self, entry: &Entry) -> Result<(), Failure> {
        let now = self.clock.now();
        let Some(until) = entry.door().gate.paused_until(now) else { return Ok(()) };
        let message = format!("Webex asked issuer {} to wait", entry.issuer.name);
        Err(Failure::new(FailureCode::RateLimited, message).with_retry_after(until.since(now.wall)))
    }

    /// Webex accepts the issuer: what was held against it and its guests is forgotten.
    async fn note_passed_test(&self, entry: &Entry) -> Result<(), Failure> {
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

    fn seal_secret(
        &self,
        name: &IssuerName,
        public_id: &str,
        api_base: &str,
        secret: &Secret,
    ) -> Result<Sealed, Failure> {
        let belonging = Belonging::Issuer(name, public_id, api_base);
        self.vault.seal(belonging, secret).map_err(|error| failures::vault(&error))
    }

    async fn reload_issuers(&self) -> Result<(), Failure> {
        let issuers = self.read(issuer_rows::all).await?;
        self.registry.replace(issuers, &self.vault, self.clock.now());
        Ok(())
    }

    /// The issuers that can mint.
    pub(super) fn minting_issuers(&self) -> Vec<Arc<Entry>> {
        self.registry.all().into_iter().filter(|entry| entry.minting.is_ok()).collect()
    }
}

fn throw_away_guest() -> Result<(guestissuer_proto::Subject, guestissuer_proto::DisplayName), Failure> {
    let mut random = [0; TEST_SUBJECT];
    let internal = |_| Failure::new(FailureCode::Internal, "no throw-away guest could be made up");
    getrandom::fill(&mut random)
        .map_err(|_| Failure::new(FailureCode::Internal, "the system gives no random numbers"))?;
    let subject = format!("gi-test-{:016x}", u64::from_be_bytes(random)).parse().map_err(internal)?;
    Ok((subject, "gi issuer test".parse().map_err(internal)?))
}

pub(super) fn parse_base(text: Option<&str>) -> Result<Option<String>, Failure> {
    let parse = |text: &str| match text.parse::<ApiBase>() {
        Ok(base) => Ok(base.to_string()),
        Err(error) => Err(Failure::new(FailureCode::Usage, format!("the API address is no good: {error}"))),
    };
    text.map(parse).transpose()
}

/// Looks at credentials before they are stored or used: whether the secret decodes and the id is plain.
pub(super) fn check(credentials: Credentials) -> Result<Checked, Failure> {
    let Credentials::GuestIssuer { id, secret } = credentials;
    let kind = IssuerKind::GuestIssuer;
    let id = id.map(|id| id.trim().to_owned());
    if let Some(id) = &id
        && (id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return Err(Failure::new(
            FailureCode::Usage,
            "the issuer id is not one: it is a word of letters and digits",
        )
        .with_hint("copy it from the Guest Issuer application's page on developer.webex.com"));
    }
    let secret = Secret::new(secret.expose().trim().to_owned());
    if let Err(error) = IssuerAccess::new(kind, id.as_deref().unwrap_or_default(), &secret) {
        return Err(Failure::new(FailureCode::Usage, error.to_string())
            .with_hint("copy the whole shared secret as Webex shows it: base64, usually ending in ="));
    }
    Ok(Checked { kind, id, secret })
}
