//! What the daemon finds when it looks at itself.
//!
//! Looking changes nothing, mints nothing and is over in time: what could not be looked at by then is said to be so.

mod apps;
mod network;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::duration::in_two_units;
use guestissuer_proto::response::{Check, Diagnosis, GuestCounts, IssuerDetail, Status, Verdict};
use guestissuer_proto::{Failure, FailureCode, HIGHEST_VERSION, IssuerName, UnixTime};
use tokio::time::{Instant, timeout_at};

use super::{Broker, failures};
use crate::store::{self, Integrity, StoreError, guests as guest_rows};
use crate::vault::VaultError;

/// How long a look takes at most. Whoever asks wants to know what is slow, not to wait for it.
const LONGEST: Duration = Duration::from_secs(5);

/// What is kept of the caller's time for putting the answer together.
const MARGIN: Duration = Duration::from_millis(50);

/// How long after its time a refresh is late. Passes come every thirty seconds at least, and are soon done.
const LATE: Duration = Duration::from_secs(120);

impl Broker {
    /// Looks at everything that can be seen from here.
    pub async fn diagnose(self: &Arc<Self>, deadline: Instant) -> Diagnosis {
        let now = Instant::now();
        let end = deadline.checked_sub(MARGIN).unwrap_or(now).clamp(now, now + LONGEST);
        let (database, network, service) =
            tokio::join!(self.look_at_database(end), self.look_at_network(end), self.look_at_service(end));
        let mut checks = vec![self.look_at_protection(), database];
        checks.extend(self.notices.iter().map(|notice| aside(notice)));
        checks.push(self.look_at_proxies());
        checks.extend(network);
        checks.extend(service);
        Diagnosis { checks }
    }

    fn look_at_protection(&self) -> Check {
        match self.vault.lock_reason() {
            None => ok("protection", self.vault.protection()),
            Some(reason) => failed("protection", failures::vault(&VaultError::Locked(reason.clone()))),
        }
    }

    async fn look_at_database(&self, end: Instant) -> Check {
        // A look finds no damage in a database that nobody can write to.
        let written = timeout_at(end, self.write(|_| Ok(()))).await;
        if let Ok(Err(failure)) = written {
            return failed("database", failure);
        }
        let within = end.saturating_duration_since(Instant::now());
        let looked = store::look_over(&self.places.state_dir, within).await;
        let path = self.places.state_dir.join(store::DATABASE);
        let described = |bytes| format!("{} ({})", path.display(), size(bytes));
        match looked {
            Ok(Integrity::Sound { bytes }) => ok("database", format!("{}, no damage", described(bytes))),
            Ok(Integrity::Unfinished { bytes }) => {
                let seconds = within.as_secs_f64();
                ok("database", format!("{}, no damage found in {seconds:.1} s of looking", described(bytes)))
            }
            Err(error) => broken(&path, &error),
        }
    }

    async fn look_at_service(&self, end: Instant) -> Vec<Check> {
        let before = self.now().saturating_sub(LATE);
        let look = async {
            let status = self.status(HIGHEST_VERSION).await?;
            let late = self.read(move |rows| guest_rows::count_late(rows, before)).await?;
            Ok::<_, Failure>((status, late, self.app_rows().await?))
        };
        match timeout_at(end, look).await {
            Ok(Ok((status, late, apps))) => {
                let now = self.now();
                let mut checks = self.look_at_issuers(&status.issuers, now);
                checks.extend(apps::look(&apps, now));
                checks.push(refreshing(&status, late, now));
                checks
            }
            Ok(Err(failure)) => vec![failed("refresh", failure)],
            Err(_) => vec![warning(
                "refresh",
                "issuers and guests could not be looked at in time",
                "allow more time with --timeout; if it stays so, see the daemon's log and whether the disk is slow",
            )],
        }
    }

    fn look_at_issuers(&self, issuers: &[IssuerDetail], now: UnixTime) -> Vec<Check> {
        if issuers.is_empty() {
            return vec![warning(
                "issuer",
                "there is none yet",
                "add one with: gi issuer add NAME --id ISSUER_ID, or --kind service-app",
            )];
        }
        let unusable = |issuer: &IssuerDetail| {
            let entry = self.registry.resolve(Some(&issuer.name)).ok()?;
            // A locked store was told of before, and is not the issuer's fault.
            entry.minting.as_ref().err().filter(|failure| failure.code != FailureCode::Locked).cloned()
        };
        let look = |issuer: &IssuerDetail| match self.successor_of(issuer) {
            Some(successor) => ok("issuer", format!("{}: {successor} has taken its place", issuer.name)),
            None => look_at_issuer(issuer, unusable(issuer), now),
        };
        issuers.iter().map(look).collect()
    }

    fn successor_of(&self, issuer: &IssuerDetail) -> Option<IssuerName> {
        let successor = self.registry.resolve(Some(&issuer.name)).ok()?.issuer.successor?;
        Some(self.registry.by_id(successor)?.issuer.name.clone())
    }
}

fn look_at_issuer(issuer: &IssuerDetail, unusable: Option<Failure>, now: UnixTime) -> Check {
    let name = &issuer.name;
    if let Some(failure) = unusable {
        return failed("issuer", Failure { message: format!("{name}: {}", failure.message), ..failure });
    }
    if let Some(until) = issuer.paused_until {
        let wait = in_words(until.since(now));
        return warning(
            "issuer",
            format!("{name}: Webex asked to wait, and nothing is sent for {wait} more"),
            "wait; tokens at hand are served meanwhile",
        );
    }
    if let Some(error) = &issuer.last_error {
        let message =
            format!("{name}: failed {} ago: {}", in_words(now.since(error.at)), error.failure.message);
        let hint =
            error.failure.hint.clone().unwrap_or_else(|| format!("try it with: gi issuer test {name}"));
        return warning("issuer", message, hint);
    }
    let guests = counted(issuer.guests, "guest", "guests");
    let minted = match issuer.last_success_at {
        Some(at) => format!("last token {} ago", in_words(now.since(at))),
        None => "no token yet".to_owned(),
    };
    ok("issuer", format!("{name}: {guests}, {minted}"))
}

fn refreshing(status: &Status, late: u64, now: UnixTime) -> Check {
    let GuestCounts { total, failing, .. } = status.guests;
    if total == 0 {
        return ok("refresh", "there are no guests yet");
    }
    let good = match status.last_success_at {
        Some(at) => format!("the last good refresh was {} ago", in_words(now.since(at))),
        None => "there was no good refresh yet".to_owned(),
    };
    if failing > 0 {
        // What an issuer fails with was said with the issuer.
        let said = status.issuers.iter().any(|issuer| issuer.last_error.is_some());
        let why = status.last_failure.as_ref().filter(|_| !said);
        let why = why.map_or(String::new(), |failed| format!(": {}", failed.failure.message));
        let fail = if failing == 1 { "fails" } else { "fail" };
        let guests = counted(total, "guest", "guests");
        return warning(
            "refresh",
            format!("{failing} of {guests} {fail}{why}; {good}"),
            "see them with: gi list --failing",
        );
    }
    if late > 0 {
        let guests = counted(late, "guest waits", "guests wait");
        return warning(
            "refresh",
            format!("{guests} for a refresh that is more than {} late; {good}", in_words(LATE)),
            "if nothing above explains it, see the daemon's log, and restart it",
        );
    }
    let guests = counted(total, "guest", "guests");
    let next = match status.next_refresh_at {
        Some(at) if at > now => format!("the next is in {}", in_words(at.since(now))),
        Some(_) => "the next is due".to_owned(),
        None => "none is planned".to_owned(),
    };
    ok("refresh", format!("{guests}; {good}, {next}"))
}

/// A database that was set aside: everyone is told of it anyway, and here what to do.
fn aside(notice: &str) -> Check {
    warning(
        "database",
        notice,
        "add issuers and guests again, then move the old file away and restart the daemon",
    )
}

fn broken(path: &Path, error: &StoreError) -> Check {
    tracing::error!(error = error as &dyn std::error::Error, "the database did not pass a look");
    let path = path.display();
    if error.is_damage() {
        return wrong(
            "database",
            format!("{path} is damaged"),
            "restart the daemon, which sets the file aside and makes a new one: gi stop, then gi status",
        );
    }
    let gone = matches!(error, StoreError::File(cause) if cause.kind() == std::io::ErrorKind::NotFound);
    if gone {
        return wrong(
            "database",
            format!("{path} was taken away while the daemon was using it"),
            "put it back, or restart the daemon, which makes a new one: gi stop, then gi status",
        );
    }
    failed("database", failures::store(error))
}

fn check(topic: &str, verdict: Verdict, finding: impl Into<String>, remedy: Option<String>) -> Check {
    Check { topic: topic.to_owned(), verdict, finding: finding.into(), remedy }
}

fn ok(topic: &str, finding: impl Into<String>) -> Check {
    check(topic, Verdict::Ok, finding, None)
}

fn warning(topic: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    check(topic, Verdict::Warning, finding, Some(remedy.into()))
}

fn wrong(topic: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Check {
    check(topic, Verdict::Wrong, finding, Some(remedy.into()))
}

fn failed(topic: &str, failure: Failure) -> Check {
    let remedy = failure.hint.unwrap_or_else(|| "see the daemon's log".to_owned());
    wrong(topic, failure.message, remedy)
}

pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A size as people write it.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

/// A span in its two largest units: `5h 12m`.
fn in_words(span: Duration) -> String {
    in_two_units(span.as_secs())
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::response::{Counters, MintFailure};

    use super::*;

    const NOW: UnixTime = UnixTime(100_000_000);

    fn status(guests: GuestCounts) -> Status {
        Status {
            version: String::new(),
            protocol: 1,
            pid: 1,
            uptime_ms: 0,
            socket: String::new(),
            state_dir: String::new(),
            protection: String::new(),
            issuers: Vec::new(),
            guests,
            counters: Counters::default(),
            last_success_at: Some(NOW.saturating_sub(Duration::from_secs(18_720))),
            last_failure: None,
            next_refresh_at: Some(NOW.saturating_add(Duration::from_secs(61))),
            clock_skew_ms: None,
        }
    }

    fn guests(total: u64, failing: u64) -> GuestCounts {
        GuestCounts { total, failing, ..GuestCounts::default() }
    }

    #[test]
    fn refreshes_that_are_late_or_fail_are_worth_a_look() {
        let fine = refreshing(&status(guests(1, 0)), 0, NOW);
        assert_eq!(fine.verdict, Verdict::Ok);
        assert_eq!(fine.finding, "1 guest; the last good refresh was 5h 12m ago, the next is in 1m 1s");
        let late = refreshing(&status(guests(3, 0)), 2, NOW);
        assert_eq!(late.verdict, Verdict::Warning);
        assert!(late.finding.starts_with("2 guests wait for a refresh"), "{late:?}");
        let mut failing = status(guests(3, 1));
        let failure = Failure::new(FailureCode::Unavailable, "Webex is not available (status 503)");
        failing.last_failure = Some(MintFailure { at: NOW, failure, tracking_id: None });
        let failing = refreshing(&failing, 0, NOW);
        assert_eq!(failing.verdict, Verdict::Warning);
        assert!(failing.finding.starts_with("1 of 3 guests fails: Webex is not"), "{failing:?}");
        assert!(failing.remedy.is_some() && late.remedy.is_some());
        assert_eq!(refreshing(&status(guests(0, 0)), 0, NOW).verdict, Verdict::Ok);
    }

    #[test]
    fn sizes_and_spans_are_short() {
        assert_eq!([size(512), size(90_000), size(5 << 30)], ["512 B", "87 KiB", "5 GiB"]);
        assert_eq!(in_words(Duration::from_secs(90_000)), "1d 1h");
        assert_eq!(in_words(Duration::from_millis(1_900)), "1s");
    }
}
