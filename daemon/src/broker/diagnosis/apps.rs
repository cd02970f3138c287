//! How the own tokens of Service Apps stand.

use guestissuer_proto::response::Check;
use guestissuer_proto::{Failure, IssuerName, UnixTime};

use super::super::service_app::expiring;
use super::super::{Broker, failures};
use super::{in_words, ok, warning, wrong};
use crate::domain::guest::{AppToken, IssuerId};
use crate::store::{StoreError, app_tokens};

const TOPIC: &str = "service app";

impl Broker {
    /// The tokens of all Service Apps.
    pub(super) async fn app_rows(&self) -> Result<Vec<(IssuerName, AppToken)>, Failure> {
        let issuers: Vec<(IssuerId, IssuerName)> =
            self.registry.all().iter().map(|entry| (entry.issuer.id, entry.issuer.name.clone())).collect();
        self.read(move |rows| {
            let mut found = Vec::new();
            for (id, name) in issuers {
                found.extend(app_tokens::find(rows, id)?.map(|row| (name, row)));
            }
            Ok::<_, StoreError>(found)
        })
        .await
    }
}

/// One line for each Service App, by what is most urgent.
pub(super) fn look(apps: &[(IssuerName, AppToken)], now: UnixTime) -> Vec<Check> {
    apps.iter().map(|(name, row)| look_at(name, row, now)).collect()
}

fn look_at(name: &IssuerName, row: &AppToken, now: UnixTime) -> Check {
    let remedy = failures::new_tokens(name);
    let is_over = row.expires_at <= now;
    let left = in_words(row.expires_at.since(now));
    if let Some(error) = &row.last_error {
        let message = &error.failure.message;
        let hint =
            error.failure.hint.clone().unwrap_or_else(|| format!("try it with: gi issuer test {name}"));
        return if is_over {
            wrong(TOPIC, format!("{name}: its own token was not refreshed and is over: {message}"), hint)
        } else {
            let finding =
                format!("{name}: its own token was not refreshed, and is valid for {left} more: {message}");
            warning(TOPIC, finding, hint)
        };
    }
    match expiring(row.refresh_expires_at, now) {
        Some(left) if left.is_zero() => {
            return wrong(TOPIC, format!("{name}: its refresh token has expired"), remedy);
        }
        Some(left) => {
            return warning(
                TOPIC,
                format!("{name}: its refresh token expires in {}", in_words(left)),
                remedy,
            );
        }
        None => {}
    }
    let until = match row.refresh_expires_at {
        Some(at) => format!("its refresh token for {}", in_words(at.since(now))),
        None => "Webex did not say how long its refresh token is".to_owned(),
    };
    if is_over {
        return ok(TOPIC, format!("{name}: its own token is refreshed when it is needed; {until}"));
    }
    ok(TOPIC, format!("{name}: its own token is valid for {left}, {until}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guestissuer_proto::FailureCode;
    use guestissuer_proto::response::{MintFailure, Verdict};

    use super::*;
    use crate::domain::guest::Sealed;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: UnixTime = UnixTime(100_000_000);

    fn row(access: Duration, refresh: Option<Duration>) -> AppToken {
        AppToken {
            sealed: Sealed(Vec::new()),
            issued_at: NOW,
            expires_at: NOW.saturating_add(access),
            refresh_at: NOW,
            refresh_expires_at: refresh.map(|life| NOW.saturating_add(life)),
            next_attempt_at: NOW,
            failures: 0,
            last_error: None,
        }
    }

    #[test]
    fn a_refresh_token_is_warned_of_two_weeks_before_its_end() {
        let name: IssuerName = "app".parse().unwrap();
        let look = |row: &AppToken| look_at(&name, row, NOW);
        for (left, verdict) in [
            (15 * DAY, Verdict::Ok),
            (14 * DAY, Verdict::Warning),
            (Duration::from_secs(1), Verdict::Warning),
            (Duration::ZERO, Verdict::Wrong),
        ] {
            let check = look(&row(14 * DAY, Some(left)));
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert!(check.verdict == Verdict::Ok || check.remedy.unwrap().contains("gi issuer update app"));
        }
        assert_eq!(look(&row(14 * DAY, None)).verdict, Verdict::Ok);
    }

    #[test]
    fn a_failed_refresh_is_wrong_only_when_the_token_is_over() {
        let name: IssuerName = "app".parse().unwrap();
        for (left, verdict) in [(DAY, Verdict::Warning), (Duration::ZERO, Verdict::Wrong)] {
            let failure = Failure::new(FailureCode::Unavailable, "Webex is not available (status 503)");
            let failed = AppToken {
                last_error: Some(MintFailure { at: NOW, failure, tracking_id: None }),
                ..row(left, None)
            };
            assert_eq!(look_at(&name, &failed, NOW).verdict, verdict);
            // What has gone wrong already matters more than what will.
            let expiring = AppToken { refresh_expires_at: Some(NOW.saturating_add(DAY)), ..failed };
            assert!(look_at(&name, &expiring, NOW).finding.contains("was not refreshed"));
        }
    }
}
