//! Service Apps as issuers: stored, replaced and tried.

use std::sync::Arc;

use guestissuer_proto::{Failure, FailureCode, IssuerName, Secret};
use tokio::time::Instant;

use super::super::credentials::AppParts;
use super::super::flight::Pilot;
use super::super::issuers::Trial;
use super::super::registry::{Entry, unseal};
use super::super::{Broker, failures};
use super::token::{USUAL_LIFE, removed};
use crate::domain::credential::Credential;
use crate::domain::guest::{AppToken, Issuer, IssuerId, Sealed};
use crate::store::app_tokens;
use crate::store::issuers::{self as issuer_rows, NewIssuer};
use crate::vault::{Belonging, TokenPair};
use crate::webex::base::ApiBase;
use crate::webex::{AppCredentials, Grant};
use guestissuer_proto::response::IssuerKind;

/// All that a Service App needs, put together from what was given and what was there.
struct Whole {
    name: IssuerName,
    api_base: String,
    app: AppCredentials,
    pair: TokenPair,
    /// The tokens on disk, where they go on.
    row: Option<AppToken>,
}

impl Broker {
    /// Stores a new Service App. None if the name is taken.
    pub(in super::super) async fn add_app(
        self: &Arc<Self>,
        name: IssuerName,
        parts: AppParts,
        api_base: String,
        trial: Trial,
        deadline: Instant,
    ) -> Result<Option<IssuerId>, Failure> {
        let AppParts { client_id, client_secret, refresh, access } = parts;
        let missing = |what: &str| {
            Failure::new(FailureCode::Usage, format!("a Service App needs its {what}"))
                .with_hint("all are on the Service App's page on developer.webex.com")
        };
        let client_id = client_id.ok_or_else(|| missing("client id"))?;
        let client_secret = client_secret.ok_or_else(|| missing("client secret"))?;
        let refresh = refresh.ok_or_else(|| missing("refresh token"))?;
        let app = AppCredentials { client_id, client_secret };
        let whole = Whole { name, api_base, app, pair: TokenPair { refresh, access: None }, row: None };
        let (pair, row) = self.first_tokens(&whole, access, trial, deadline).await?;
        let Whole { name, api_base, app, .. } = whole;
        let sealed = self.seal_secret(&name, &app.client_id, &api_base, &app.client_secret)?;
        let row = self.sealed_row(&name, &app.client_id, &pair, row)?;
        let new = NewIssuer {
            name,
            kind: IssuerKind::ServiceApp,
            public_id: app.client_id,
            api_base,
            sealed,
            created_at: self.now(),
        };
        self.write(move |rows| {
            let added = issuer_rows::add(rows, &new)?;
            if let Some(issuer) = added {
                app_tokens::put(rows, issuer, &row)?;
            }
            Ok(added)
        })
        .await
    }

    /// Replaces what was given of a Service App's credentials. Until that is done, the old tokens serve.
    pub(in super::super) async fn update_app(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        parts: AppParts,
        api_base: String,
        trial: Trial,
        deadline: Instant,
    ) -> Result<(), Failure> {
        // No refresh may be under way: its answer and these tokens would overwrite each other.
        let pilot = self.keep_from_renewing(entry.issuer.id).await;
        let updated = self.update_app_alone(entry.issuer.id, parts, api_base, trial, deadline).await;
        // However that ended, those who wait for a refresh look again.
        pilot.land(Ok(()));
        updated
    }

    async fn update_app_alone(
        self: &Arc<Self>,
        id: IssuerId,
        parts: AppParts,
        api_base: String,
        trial: Trial,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let entry = self.registry.by_id(id).ok_or_else(removed)?;
        let issuer = &entry.issuer;
        let whole = self.completed(&entry, &parts, api_base).await?;
        let (pair, row) = self.first_tokens(&whole, parts.access, trial, deadline).await?;
        let Whole { api_base, app, .. } = whole;
        let sealed = self.seal_secret(&issuer.name, &app.client_id, &api_base, &app.client_secret)?;
        let row = self.sealed_row(&issuer.name, &app.client_id, &pair, row)?;
        let (now, lifetime) = (self.now(), row.lifetime());
        self.write(move |rows| {
            issuer_rows::update(rows, id, &app.client_id, &api_base, &sealed, now)?;
            app_tokens::put(rows, id, &row)
        })
        .await?;
        let access = pair.access;
        entry.app.replace(access.map(|token| Credential::held_since(self.clock.now(), token, lifetime)));
        // Those who wait for a token must find the new credentials.
        self.reload_issuers().await
    }

    async fn keep_from_renewing(&self, issuer: IssuerId) -> Pilot<IssuerId> {
        loop {
            let boarded = self.renewals.board(&issuer);
            if let Some(pilot) = boarded.pilot {
                return pilot;
            }
            // However it ends.
            drop(boarded.flight.outcome().await);
        }
    }

    /// What was given, completed by what is stored.
    async fn completed(&self, entry: &Entry, parts: &AppParts, api_base: String) -> Result<Whole, Failure> {
        let issuer = &entry.issuer;
        let client_secret = match &parts.client_secret {
            Some(secret) => secret.clone(),
            None => unseal(issuer, &self.vault).map_err(|error| failures::vault(&error))?,
        };
        let client_id = parts.client_id.clone().unwrap_or_else(|| issuer.public_id.clone());
        let row = self.app_row(entry).await?;
        let old = row.as_ref().map(|row| self.open_pair(entry, row)).transpose();
        let (pair, row) = match (&parts.refresh, old) {
            (Some(refresh), _) => (TokenPair { refresh: refresh.clone(), access: None }, None),
            (None, Ok(Some(pair))) => (pair, row),
            (None, Ok(None)) => return Err(failures::no_tokens(&issuer.name)),
            (None, Err(failure)) => return Err(failure),
        };
        let app = AppCredentials { client_id, client_secret };
        Ok(Whole { name: issuer.name.clone(), api_base, app, pair, row })
    }

    /// Two issuers with the tokens of one Service App would replace each other's refresh token.
    fn refuse_second(&self, whole: &Whole) -> Result<(), Failure> {
        let is_same = |issuer: &Issuer| {
            issuer.kind == IssuerKind::ServiceApp
                && issuer.public_id == whole.app.client_id
                && issuer.api_base == whole.api_base
                && issuer.name != whole.name
        };
        let stored = self.registry.all();
        let Some(first) = stored.iter().find(|entry| is_same(&entry.issuer)) else { return Ok(()) };
        let first = &first.issuer.name;
        let message = format!("this Service App is stored already, as issuer {first}");
        Err(Failure::new(FailureCode::Usage, message)
            .with_hint(format!("to replace its credentials: gi issuer update {first}")))
    }

    /// The tokens to store: as they were given, or what Webex gives for them. Not sealed yet.
    async fn first_tokens(
        self: &Arc<Self>,
        whole: &Whole,
        access: Option<(Secret, Option<std::time::Duration>)>,
        trial: Trial,
        deadline: Instant,
    ) -> Result<(TokenPair, AppToken), Failure> {
        self.refuse_second(whole)?;
        let old = whole.row.as_ref().map(|row| (&whole.pair, row));
        let refresh = Some(whole.pair.refresh.clone());
        match trial {
            Trial::First => {
                let sent_at = self.now();
                let grant = self.try_out(whole, deadline).await?;
                let refresh_token = grant.refresh_token.or(refresh);
                let grant = Grant { refresh_token, ..grant };
                self.merged(sent_at, &grant, old).map_err(|failed| failed.failure)
            }
            Trial::None => {
                let now = self.now();
                let access = access.map(|(token, life)| (token, Some(life.unwrap_or(USUAL_LIFE))));
                let grant = Grant { access, refresh_token: refresh, refresh_life: None };
                let (pair, row) = self.merged(now, &grant, old).map_err(|failed| failed.failure)?;
                // Nobody has seen yet whether they work: the first refresh will tell.
                Ok((pair, AppToken { refresh_at: now, next_attempt_at: now, ..row }))
            }
        }
    }

    /// Refreshes once, to see whether Webex accepts the credentials.
    async fn try_out(&self, whole: &Whole, deadline: Instant) -> Result<Grant, Failure> {
        let base: ApiBase = whole
            .api_base
            .parse()
            .map_err(|_| Failure::new(FailureCode::Internal, "the API address cannot be used"))?;
        // A refusal is not held against a stored issuer: these are other credentials.
        let lane = self.lane(&base, &whole.app.client_id, None);
        let timeout = self.settings.request_timeout;
        let attempt = || self.webex.refresh(&base, &whole.app, &whole.pair.refresh, timeout);
        let explain = |error: &_| failures::trial(error, &whole.name, self.webex.clock_skew_ms());
        self.send(&lane, deadline, attempt, explain).await
    }

    fn sealed_row(
        &self,
        name: &IssuerName,
        client_id: &str,
        pair: &TokenPair,
        row: AppToken,
    ) -> Result<AppToken, Failure> {
        let sealed = self.seal_pair(name, client_id, &row, pair)?;
        Ok(AppToken { sealed, ..row })
    }

    /// Seals the tokens of the Service App of this name and client id, which have the times of `row`.
    pub(super) fn seal_pair(
        &self,
        name: &IssuerName,
        client_id: &str,
        row: &AppToken,
        pair: &TokenPair,
    ) -> Result<Sealed, Failure> {
        let belonging = Belonging::AppToken(name, client_id, row.issued_at, row.expires_at);
        self.vault.seal_pair(belonging, pair).map_err(|error| failures::vault(&error))
    }

    /// Opens the tokens of a stored Service App.
    pub(super) fn open_pair(&self, entry: &Entry, row: &AppToken) -> Result<TokenPair, Failure> {
        let issuer = &entry.issuer;
        let belonging = Belonging::AppToken(&issuer.name, &issuer.public_id, row.issued_at, row.expires_at);
        self.vault.unseal_pair(belonging, &row.sealed).map_err(|error| failures::vault(&error))
    }
}
