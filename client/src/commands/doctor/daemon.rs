//! The daemon: whether it runs and answers, which one it is, and what it finds itself.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guestissuer_client::proto::response::Status as DaemonStatus;
use guestissuer_client::proto::{Failure, FailureCode, UnixTime};
use guestissuer_client::{Answered, Client, Diagnose, Error, Status};

use super::report::{End, Finding};
use super::{STEP, Visit};
use crate::output::time;

const TOPIC: &str = "daemon";

/// How long the daemon may look at itself: its own limit is five seconds, and the answer must have time to come.
const LONGEST_LOOK: Duration = Duration::from_secs(8);

/// The version of this gi, which is also that of its library.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Variables that say how to get out to the network.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A daemon that answers.
pub(super) struct Reached {
    pub(super) client: Client,
    pub(super) status: DaemonStatus,
    pub(super) now: UnixTime,
}

impl Visit<'_> {
    /// Connects to the daemon, and never starts one.
    pub(super) fn look_at_daemon(&mut self, is_installed: bool) -> Result<Option<Reached>, End> {
        let limit = self.step(STEP);
        let asked = self.connect(limit).and_then(|(mut client, socket)| {
            let Answered { value, now, .. } = client.ask(Status, self.step(STEP))?;
            Ok((Reached { client, status: value, now }, socket))
        });
        let (reached, socket) = match asked {
            Ok(reached) => reached,
            Err(error) => {
                let finding = self.unreachable(error, is_installed, limit);
                self.report.add(finding)?;
                self.report.add(Finding::ok("version", format!("gi {VERSION}")))?;
                return Ok(None);
            }
        };
        let DaemonStatus { pid, uptime_ms, .. } = reached.status;
        let uptime = time::span(i64::try_from(uptime_ms / 1000).unwrap_or(i64::MAX));
        let at =
            if socket == self.places.socket { String::new() } else { format!(" on {}", socket.display()) };
        self.report.add(Finding::ok(TOPIC, format!("answers{at}; pid {pid}, up for {uptime}")))?;
        self.report.add(version(&reached.status.version, reached.status.protocol))?;
        if let Some(finding) = self.other_state_dir(&reached.status) {
            self.report.add(finding)?;
        }
        if let Some(finding) = self.newer_configuration(&reached) {
            self.report.add(finding)?;
        }
        Ok(Some(reached))
    }

    /// Passes on what the daemon finds.
    pub(super) fn ask_the_daemon(&mut self, reached: &mut Reached) -> Result<(), End> {
        let diagnosis = match reached.client.ask(Diagnose, self.step(LONGEST_LOOK)) {
            Ok(answered) => answered.value,
            Err(error) => {
                let finding = no_diagnosis(error, &reached.status);
                return self.report.add(finding);
            }
        };
        let mut proxies = String::new();
        for check in diagnosis.checks {
            if check.topic == "proxy" {
                proxies.clone_from(&check.finding);
            }
            self.report.add(Finding::of_the_daemon(check))?;
        }
        let is_missing = |name: &&str| self.environment.passed_on(name).is_some() && !proxies.contains(*name);
        // Only worth a word if it may be the reason.
        if self.report.is_wrong("network")
            && let Some(name) = PROXIES.into_iter().find(is_missing)
        {
            self.report.add(Finding::warning(
                "proxy",
                format!("{name} is set here, but the daemon was started without it"),
                format!(
                    "gi stop, then gi status; under systemd first: systemctl --user import-environment {name}"
                ),
            ))?;
        }
        Ok(())
    }

    /// Where the daemon should be, or else where it says that it is.
    pub(super) fn connect(&self, limit: Duration) -> Result<(Client, PathBuf), Error> {
        let expected = &self.places.socket;
        match (Client::connect(expected, limit), self.places.announced()) {
            (Err(Error::NoDaemon(absent)), Some(announced)) => match Client::connect(&announced, limit) {
                Ok(client) => Ok((client, announced)),
                Err(_) => Err(Error::NoDaemon(absent)),
            },
            (connected, _) => connected.map(|client| (client, expected.clone())),
        }
    }

    fn unreachable(&self, error: Error, is_installed: bool, limit: Duration) -> Finding {
        let wrong = |failure: Failure| {
            let remedy = failure.hint.unwrap_or_else(|| "see the daemon's log".to_owned());
            Finding::wrong(TOPIC, failure.code, failure.message, remedy)
        };
        match error {
            Error::NoDaemon(_) => self.absent(is_installed),
            Error::Deadline => Finding::wrong(
                TOPIC,
                FailureCode::NoDaemon,
                format!("does not answer within {:.1} s: it hangs, or was stopped", limit.as_secs_f64()),
                "find its process with: fuser SOCKET (or ss -xlp); let it go on with kill -CONT PID, or end it with kill -KILL PID",
            ),
            error @ (Error::Failed(_)
            | Error::Denied
            | Error::Version { .. }
            | Error::Broken(_)
            | Error::NotOurs
            | Error::Name(_)) => wrong(error.into()),
        }
    }

    fn absent(&self, is_installed: bool) -> Finding {
        let socket = self.places.socket.display();
        let wrong =
            |finding: String, remedy: &str| Finding::wrong(TOPIC, FailureCode::NoDaemon, finding, remedy);
        if !is_installed {
            return wrong(
                format!("nothing listens on {socket}, and guestissuerd is neither next to gi nor on PATH"),
                "install it with: cargo install --path daemon",
            );
        }
        if !self.may_start {
            return wrong(
                format!("nothing listens on {socket}, and gi was told not to start a daemon"),
                "start it with: guestissuerd, or leave out --no-autostart and GI_NO_AUTOSTART",
            );
        }
        Finding::warning(
            TOPIC,
            format!("nothing listens on {socket}; nothing is refreshed meanwhile"),
            "gi starts it when it is needed; now: gi status, or systemctl --user start guestissuerd.socket",
        )
    }

    /// What was said about files is about another place, if so.
    fn other_state_dir(&self, status: &DaemonStatus) -> Option<Finding> {
        let ours = &self.places.state_dir;
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        (real(Path::new(&status.state_dir)) != real(ours)).then(|| {
            Finding::warning(
                "state",
                format!(
                    "the daemon uses {}, and what was said above is about {}",
                    status.state_dir,
                    ours.display()
                ),
                format!("to look there: GI_STATE_DIR={} gi doctor", status.state_dir),
            )
        })
    }

    /// The daemon reads its configuration at its start only.
    fn newer_configuration(&self, reached: &Reached) -> Option<Finding> {
        let path = self.environment.config_file()?;
        let changed_at = fs::metadata(&path).ok()?.mtime();
        let started_at = reached.now.saturating_sub(Duration::from_millis(reached.status.uptime_ms));
        (changed_at > started_at.as_secs()).then(|| {
            Finding::warning(
                "configuration",
                format!("{} was changed after the daemon started, which reads it only then", path.display()),
                "restart it: gi stop, then gi status",
            )
        })
    }
}

fn version(version: &str, protocol: u16) -> Finding {
    if version == VERSION {
        return Finding::ok("version", format!("gi and guestissuerd {version}, protocol {protocol}"));
    }
    Finding::warning(
        "version",
        format!("gi is {VERSION}, and the daemon that runs is {version}; they understand each other"),
        "restart it after updating it: gi stop, then gi status",
    )
}

fn no_diagnosis(error: Error, status: &DaemonStatus) -> Finding {
    // A daemon that does not know the question closes the connection.
    if matches!(error, Error::Broken(_)) && status.version != VERSION {
        return Finding::warning(
            TOPIC,
            format!("guestissuerd {} cannot look at itself", status.version),
            "update it, then restart it: gi stop, then gi status",
        );
    }
    let is_late = matches!(error, Error::Deadline);
    let failure = Failure::from(error);
    let remedy = failure.hint.unwrap_or_else(|| "see the daemon's log".to_owned());
    let message = format!("no diagnosis: {}", failure.message);
    if is_late {
        Finding::warning(TOPIC, message, remedy)
    } else {
        Finding::wrong(TOPIC, failure.code, message, remedy)
    }
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::response::Verdict;

    use super::*;

    #[test]
    fn a_daemon_of_another_version_is_worth_a_look() {
        assert_eq!(version(VERSION, 1).check.verdict, Verdict::Ok);
        let older = version("0.0.9", 1).check;
        assert_eq!(older.verdict, Verdict::Warning);
        assert!(older.finding.contains(VERSION) && older.finding.contains("0.0.9"), "{older:?}");
    }
}
