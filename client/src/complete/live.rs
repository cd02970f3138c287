//! What only the daemon knows: which guests and issuers there are. It is asked if it runs, and never started.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap_complete::CompletionCandidate;
use guestissuer_client::proto::IssuerName;
use guestissuer_client::proto::request::ListGuests;
use guestissuer_client::{Ask, Client, Error, IssuerList, IssuerShow, Places};

use super::Typed;

/// How long the daemon may take to answer. It takes less than a millisecond, unless something is wrong, and then
/// somebody who pressed Tab should not be kept.
const PATIENCE: Duration = Duration::from_millis(300);

/// The most guests that are offered. Nobody reads more, and whoever types another letter is asked anew.
const MOST: u16 = 200;

/// No subject is longer, in bytes.
const LONGEST_SUBJECT: usize = 255;

/// The daemon that the command line is about.
pub(super) struct Live {
    socket: Option<PathBuf>,
    issuer: Option<IssuerName>,
}

impl Live {
    pub(super) fn new(typed: &Typed) -> Self {
        let issuer = typed.option("--issuer").and_then(|name| name.to_str()?.parse().ok());
        Self { socket: typed.socket(), issuer }
    }

    /// The guests whose subject begins so, of the issuer that was named, or of the default one.
    pub(super) fn guests(&self, prefix: &OsStr) -> Option<Vec<CompletionCandidate>> {
        let prefix = prefix.to_str()?;
        let mut daemon = Daemon::connect(self.socket.as_deref())?;
        let issuer = match &self.issuer {
            Some(issuer) => issuer.clone(),
            None => daemon.ask(IssuerShow(None))?.name,
        };
        let page = daemon.ask(ListGuests {
            pattern: Some(glob_of_prefix(prefix)?),
            issuer: Some(issuer),
            limit: MOST,
            ..ListGuests::default()
        })?;
        // The pattern is held against display names too.
        let guests = page.guests.into_iter().filter(|guest| guest.subject.as_str().starts_with(prefix));
        let candidates = guests.map(|guest| {
            CompletionCandidate::new(guest.subject.as_str())
                .help(Some(guest.display_name.as_str().to_owned().into()))
        });
        Some(candidates.collect())
    }

    /// The issuers whose name begins so.
    pub(super) fn issuers(&self, prefix: &OsStr) -> Option<Vec<CompletionCandidate>> {
        let prefix = prefix.to_str()?;
        let issuers = Daemon::connect(self.socket.as_deref())?.ask(IssuerList)?;
        let issuers = issuers.into_iter().filter(|issuer| issuer.name.as_str().starts_with(prefix));
        let candidates = issuers.map(|issuer| {
            let kind = issuer.kind.as_str();
            let help = if issuer.is_default { format!("{kind}, the default") } else { kind.to_owned() };
            CompletionCandidate::new(issuer.name.as_str()).help(Some(help.into()))
        });
        Some(candidates.collect())
    }
}

/// A daemon that is running, and until when it is waited for.
struct Daemon {
    client: Client,
    deadline: Instant,
}

impl Daemon {
    fn connect(socket: Option<&Path>) -> Option<Self> {
        let deadline = Instant::now() + PATIENCE;
        let places = Places::find(socket).ok()?;
        let client = match Client::connect(&places.socket, left(deadline)) {
            Err(Error::NoDaemon(_)) => Client::connect(&places.announced()?, left(deadline)),
            connected => connected,
        };
        Some(Self { client: client.ok()?, deadline })
    }

    fn ask<A: Ask>(&mut self, ask: A) -> Option<A::Answer> {
        self.client.ask(ask, left(self.deadline)).ok().map(|answered| answered.value)
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A glob for all that begins so; none if no subject can.
fn glob_of_prefix(prefix: &str) -> Option<String> {
    if prefix.len() > LONGEST_SUBJECT {
        return None;
    }
    let escaped = prefix.replace('[', "[[]").replace('*', "[*]").replace('?', "[?]");
    Some(escaped + "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_glob_is_escaped() {
        assert_eq!(glob_of_prefix("").as_deref(), Some("*"));
        assert_eq!(glob_of_prefix("a[1]?*é").as_deref(), Some("a[[]1][?][*]é*"));
        assert_eq!(glob_of_prefix(&"a".repeat(256)), None);
    }
}
