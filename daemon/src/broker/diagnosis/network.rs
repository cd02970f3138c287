//! Whether Webex can be reached from here, and what its clock says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::response::Check;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{in_words, ok, warning, wrong};
use crate::broker::{Broker, failures};
use crate::webex::base::ApiBase;
use crate::webex::proxy::ProxySetting;
use crate::webex::{MintError, Reached, Unusable};

/// From this skew on, in milliseconds, the clock is worth a look.
const NOTABLE_SKEW_MS: u64 = 5_000;

/// Beyond this skew, in milliseconds, guest JWTs, which live for a minute, are refused or nearly so.
const HARMFUL_SKEW_MS: u64 = 30_000;

impl Broker {
    /// Which proxies there are. Programs may look for the names of the variables here.
    pub(super) fn look_at_proxies(&self) -> Check {
        let mut findings = Vec::new();
        let mut ignored = None;
        for setting in &self.proxies {
            findings.push(match setting {
                ProxySetting::Through { variable, server } => format!("{variable} is {server}"),
                ProxySetting::Exempt { variable } => format!("{variable} names exceptions"),
                ProxySetting::Unusable { variable } => {
                    ignored = Some(*variable);
                    format!("{variable} names no server and is ignored")
                }
            });
        }
        match (ignored, findings.is_empty()) {
            (Some(variable), _) => warning(
                "proxy",
                findings.join("; "),
                format!(
                    "set {variable} to an address such as http://proxy.example:3128, then restart the daemon"
                ),
            ),
            (None, true) => ok("proxy", "none: the daemon's environment names no proxy"),
            (None, false) => ok("proxy", findings.join("; ")),
        }
    }

    /// Asks every API that an issuer uses, all at once, and compares the clocks.
    ///
    /// Where Webex asked every issuer to wait, nothing is asked: it answered, and what it asked for counts for us too.
    pub(super) async fn look_at_network(self: &Arc<Self>, end: Instant) -> Vec<Check> {
        let now = self.clock.now();
        let mut bases: BTreeMap<String, bool> = BTreeMap::new();
        for entry in self.registry.all() {
            let may_ask = entry.door().gate.paused_until(now).is_none();
            *bases.entry(entry.issuer.api_base.clone()).or_default() |= may_ask;
        }
        let mut probes = JoinSet::new();
        let mut checks = BTreeMap::new();
        for (text, may_ask) in bases {
            // An address that cannot be used is told of with its issuer.
            let Ok(base) = text.parse::<ApiBase>() else { continue };
            if !may_ask {
                checks.insert(
                    text.clone(),
                    ok("network", format!("{text} answered and asked to wait, so it is left alone")),
                );
                continue;
            }
            let broker = Arc::clone(self);
            probes.spawn(async move {
                let asked_at = Instant::now();
                let reached = broker.webex.reach(&base, end.saturating_duration_since(asked_at)).await;
                (text, reached, asked_at.elapsed())
            });
        }
        let mut skew: Option<i64> = None;
        while let Some(probe) = probes.join_next().await {
            // A probe that panicked has said so in the journal.
            let Ok((text, reached, took)) = probe else { continue };
            if let Ok(Reached { clock_skew_ms: Some(found), .. }) = reached {
                skew = skew.filter(|skew| skew.unsigned_abs() > found.unsigned_abs()).or(Some(found));
            }
            let check = network(&text, reached, took);
            checks.insert(text, check);
        }
        checks.into_values().chain(skew.map(clock)).collect()
    }
}

fn network(base: &str, reached: Result<Reached, MintError>, took: Duration) -> Check {
    let unusable = |cause: &Unusable| {
        let said = failures::unusable(cause);
        let reason = cause.reason().map_or(String::new(), |reason| format!(" ({reason})"));
        wrong("network", format!("{base}: {said}{reason}"), hint(cause, &reason))
    };
    match reached {
        Ok(Reached { status: status @ (300..=399 | 500..), .. }) => unusable(&Unusable::Status(status)),
        Ok(Reached { status: 429, .. }) => warning(
            "network",
            format!("{base} asks for fewer requests"),
            "wait a while before the next gi doctor",
        ),
        Ok(Reached { status: status @ ..=299, .. }) => warning(
            "network",
            format!("{base} answers {status} to a request without a token, which Webex does not"),
            "perhaps a network that wants a log-in, a proxy, or a wrong --api-base",
        ),
        Ok(Reached { .. }) => ok("network", format!("{base} answers in {} ms", took.as_millis().max(1))),
        Err(MintError::Unavailable { cause, .. }) => unusable(&cause),
        Err(
            error @ (MintError::Rejected { .. }
            | MintError::MissingScope { .. }
            | MintError::AppRejected { .. }
            | MintError::Refused { .. }
            | MintError::RateLimited { .. }),
        ) => ok("network", format!("{base} answers: {error}")),
        Err(error @ MintError::Unsigned(_)) => {
            wrong("network", format!("{base}: {error}"), "see the daemon's log")
        }
    }
}

fn hint(cause: &Unusable, reason: &str) -> String {
    if reason.contains("certificate") {
        return "a proxy that opens TLS, perhaps: have its CA certificate in a file that SSL_CERT_FILE names, and \
                restart the daemon"
            .to_owned();
    }
    failures::unusable_hint(cause).to_owned()
}

fn clock(skew_ms: i64) -> Check {
    let off = in_words(Duration::from_millis(skew_ms.unsigned_abs()));
    let direction = if skew_ms > 0 { "behind" } else { "ahead of" };
    let finding = format!("this machine's clock is {off} {direction} Webex's");
    let remedy = "set it right, best for good: timedatectl set-ntp true";
    match skew_ms.unsigned_abs() {
        ..NOTABLE_SKEW_MS => ok("clock", "this machine's clock agrees with Webex's"),
        NOTABLE_SKEW_MS..=HARMFUL_SKEW_MS => warning("clock", finding, remedy),
        _ => wrong("clock", format!("{finding}: guest JWTs live for a minute"), remedy),
    }
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::response::Verdict;

    use super::*;

    #[test]
    fn the_clock_is_judged_by_what_a_guest_jwt_bears() {
        for (skew, verdict) in [
            (0, Verdict::Ok),
            (-4_999, Verdict::Ok),
            (5_000, Verdict::Warning),
            (-30_000, Verdict::Warning),
            (30_001, Verdict::Wrong),
            (i64::MIN, Verdict::Wrong),
        ] {
            assert_eq!(clock(skew).verdict, verdict, "{skew}");
        }
        assert!(clock(300_000).finding.contains("5m 0s behind Webex's"));
        assert!(clock(-300_000).finding.contains("5m 0s ahead of Webex's"));
    }

    #[test]
    fn any_answer_of_webex_s_proves_the_network_but_not_that_webex_is_well() {
        let judge = |status| {
            let reached = Reached { status, clock_skew_ms: None };
            network("https://webexapis.com/v1", Ok(reached), Duration::from_millis(12))
        };
        assert_eq!(judge(401).finding, "https://webexapis.com/v1 answers in 12 ms");
        for (status, verdict) in [
            (404, Verdict::Ok),
            (429, Verdict::Warning),
            (200, Verdict::Warning),
            (302, Verdict::Wrong),
            (503, Verdict::Wrong),
        ] {
            assert_eq!(judge(status).verdict, verdict, "{status}");
        }
    }
}
