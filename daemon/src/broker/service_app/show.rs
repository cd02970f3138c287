//! How the own token of a Service App stands, and what must be said of it before it is too late.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::app::{AppDetail, ShowApp};
use guestissuer_proto::response::IssuerKind;
use guestissuer_proto::{Failure, FailureCode, UnixTime};
use tokio::time::{Instant, timeout_at};

use super::super::hand::Denied;
use super::super::registry::Entry;
use super::super::{Broker, failures, roll};
use crate::domain::guest::AppToken;
use crate::domain::policy;
use crate::webex::{IssuerAccess, MintError};

/// How long before a refresh token expires a person is told: getting another one may take an administrator.
pub(super) const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);

impl Broker {
    /// How the own token of a Service App stands.
    pub async fn show_app(self: &Arc<Self>, ask: ShowApp, deadline: Instant) -> Result<AppDetail, Failure> {
        let entry = self.registry.resolve(ask.issuer.as_ref())?;
        let name = entry.issuer.name.clone();
        if entry.issuer.kind != IssuerKind::ServiceApp {
            return Err(Failure::new(FailureCode::Usage, format!("issuer {name} is not a Service App")));
        }
        let counted = if ask.count { Some(self.count_at_webex(&entry, deadline).await) } else { None };
        let row = self.app_row(&entry).await?.ok_or_else(|| failures::no_tokens(&name))?;
        let (guests_at_webex, count_failure) = match counted {
            None => (None, None),
            Some(Ok(count)) => (Some(count), None),
            Some(Err(failure)) => (None, Some(failure)),
        };
        Ok(AppDetail {
            name,
            access_expires_at: Some(row.expires_at).filter(|at| *at > row.issued_at),
            refresh_expires_at: row.refresh_expires_at,
            refreshed_at: row.issued_at,
            refresh_at: row.next_attempt_at,
            guests_at_webex,
            count_failure,
            last_error: row.last_error,
        })
    }

    /// How many guests Webex counts. That it does not say is held against nobody, except that its waits are kept.
    async fn count_at_webex(self: &Arc<Self>, entry: &Arc<Entry>, deadline: Instant) -> Result<u64, Failure> {
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        let IssuerAccess::ServiceApp(_) = &minting.access else {
            return Err(Failure::new(FailureCode::Internal, "only a Service App counts its guests"));
        };
        self.open_door(entry).map_err(|failed| failed.failure)?;
        let count = async {
            let token = self.own_token(entry, None).await.map_err(Denied::App)?;
            self.stand_in_line(entry).await;
            let _slot = self.slots.acquire().await;
            // Webex may have asked to wait while this stood in line.
            self.open_door(entry).map_err(Denied::App)?;
            let timeout = self.settings.request_timeout;
            self.with_own_token(entry, token, |token| async move {
                self.webex.count_guests(&minting.base, &token, timeout).await
            })
            .await
        };
        let counted = timeout_at(deadline, count)
            .await
            .map_err(|_| Failure::new(FailureCode::Deadline, "Webex did not answer in the time given"))?;
        match counted {
            Ok(count) => Ok(count),
            Err(Denied::App(failed)) => Err(failed.failure),
            Err(Denied::Webex(error @ MintError::RateLimited { .. })) => {
                Err(self.hold_against(entry, &error, policy::backoff(1, None, roll())).await)
            }
            Err(Denied::Webex(error)) => {
                Err(failures::mint(&error, &entry.issuer.name, self.webex.clock_skew_ms()))
            }
        }
    }

    /// Says in the journal that a refresh token is about to expire, once a day.
    pub(super) fn remind(&self, entry: &Entry, row: &AppToken) {
        let now = self.clock.now();
        let Some(left) = expiring(row.refresh_expires_at, now.wall) else { return };
        if !entry.app.is_reminder_due(now) {
            return;
        }
        let name = &entry.issuer.name;
        let remedy = failures::new_tokens(name);
        if left.is_zero() {
            tracing::warn!(issuer = %name, remedy, "the refresh token of the Service App has expired");
        } else {
            let hours = left.as_secs() / 3_600;
            let (days, hours) = (hours / 24, hours % 24);
            tracing::warn!(
                issuer = %name, remedy, "the refresh token of the Service App expires in {days}d {hours}h"
            );
        }
    }
}

/// How long a refresh token is still valid, if that is so short that a person must be told.
pub(in super::super) fn expiring(expires_at: Option<UnixTime>, now: UnixTime) -> Option<Duration> {
    expires_at.map(|at| at.since(now)).filter(|left| *left <= WARN_BEFORE)
}
