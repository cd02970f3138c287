//! A guest's tokens, one after the other, over one connection for as long as the daemon lives, and then the next.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use guestissuer_client::proto::request::{GetToken, HEARTBEAT};
use guestissuer_client::proto::response::Token;
use guestissuer_client::proto::{Failure, FailureCode, UnixTime};
use guestissuer_client::{Answered, Watch, Watched};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::session::Session;

/// A daemon that was silent for this long does not answer any more.
const SILENCE: Duration = Duration::from_secs(3 * HEARTBEAT.as_secs());

/// How long a daemon that went away is given to come back before it is looked for again: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A daemon that went away is being restarted, as a rule, and one started from here would be in its way. After this
/// time it is started if it may be.
const RESTART: Duration = Duration::from_secs(10);

/// Once a reply has begun to arrive, the rest is there in no time.
const READ: Duration = Duration::from_secs(10);

/// Follows the tokens of one guest.
pub(crate) struct Follower<'s, 'a> {
    session: &'s mut Session<'a>,
    ask: GetToken,
    watch: Option<Watch>,
    /// When the token was minted that was told last.
    told: Option<UnixTime>,
    patience: Duration,
    /// Since when there is nothing to follow.
    trouble_since: Option<Instant>,
}

/// What is new.
pub(crate) enum Followed {
    /// A token, and the daemon's wall clock when it told.
    Token(Token, UnixTime),
    /// There will be no new token for a while, and why. Told once, until there is one.
    Trouble(Failure),
    /// Nobody reads any more.
    Enough,
}

/// Begins to follow; what is told first is the token.
pub(crate) fn begin(session: &mut Session<'_>, ask: &GetToken) -> Result<(Watch, Token, UnixTime), Failure> {
    let (watch, Answered { value, now, .. }) = session.watch(ask)?;
    match value {
        Watched::Token(token) => Ok((watch, token, now)),
        Watched::Failed(failure) => Err(failure),
        Watched::Same => Err(Failure::new(FailureCode::Internal, "guestissuerd told of no token")),
    }
}

impl<'s, 'a> Follower<'s, 'a> {
    /// Goes on from what [`begin`] brought.
    pub(crate) fn new(session: &'s mut Session<'a>, ask: GetToken, watch: Watch, told: UnixTime) -> Self {
        // The name has been given; giving it again might undo what somebody did meanwhile.
        let ask = GetToken { name: None, ..ask };
        let told = Some(told);
        Self { session, ask, watch: Some(watch), told, patience: PATIENCE.0, trouble_since: None }
    }

    /// Waits for something new, for as long as it takes. Ends early when `reader`, a pipe, is closed at its other end.
    ///
    /// Fails when going on makes no sense, because there is no such guest any more, say.
    pub(crate) fn next(&mut self, reader: Option<BorrowedFd<'_>>) -> Result<Followed, Failure> {
        loop {
            let told = if let Some(watch) = &mut self.watch {
                match wait(Some(&*watch), reader, SILENCE)? {
                    Event::ReaderLeft => return Ok(Followed::Enough),
                    Event::Daemon => watch.next(READ),
                    Event::Nothing => Err(guestissuer_client::Error::Deadline),
                }
                .map_err(Failure::from)
            } else {
                let is_gone_for_good = self.trouble_since.is_some_and(|since| since.elapsed() > RESTART);
                self.session.start_anew();
                self.session.only_look(!is_gone_for_good);
                self.session.watch(&self.ask).map(|(watch, told)| {
                    self.watch = Some(watch);
                    told
                })
            };
            let failure = match told {
                Ok(Answered { value: Watched::Same, .. }) => continue,
                Ok(Answered { value: Watched::Token(token), now, .. }) => {
                    self.patience = PATIENCE.0;
                    self.trouble_since = None;
                    if self.told.replace(token.issued_at) == Some(token.issued_at) {
                        continue;
                    }
                    return Ok(Followed::Token(token, now));
                }
                // The daemon goes on trying; if this is the first thing it tells, it has closed the connection.
                Ok(Answered { value: Watched::Failed(failure), .. }) => failure,
                Err(failure) => {
                    self.watch = None;
                    failure
                }
            };
            // Over a watch the daemon goes on trying, whatever it is.
            let goes_on = self.watch.is_some() && failure.code == FailureCode::Internal;
            if !goes_on && !may_pass(failure.code) {
                return Err(failure);
            }
            if self.trouble_since.is_none() {
                self.trouble_since = Some(Instant::now());
                return Ok(Followed::Trouble(failure));
            }
            if self.watch.is_none() {
                let patience = self.patience;
                self.patience = (patience * 2).min(PATIENCE.1);
                if wait(None, reader, patience)? == Event::ReaderLeft {
                    return Ok(Followed::Enough);
                }
            }
        }
    }
}

/// Whether waiting may help.
fn may_pass(code: FailureCode) -> bool {
    match code {
        FailureCode::NoDaemon
        | FailureCode::Deadline
        | FailureCode::Unavailable
        | FailureCode::RateLimited
        | FailureCode::IssuerRejected
        | FailureCode::Locked => true,
        FailureCode::Internal
        | FailureCode::Usage
        | FailureCode::UnknownGuest
        | FailureCode::UnknownIssuer
        | FailureCode::Denied
        | FailureCode::Version => false,
    }
}

/// Waits for something that is no event: that a daemon is there which is not.
pub(crate) fn pause(span: Duration) -> Result<(), Failure> {
    wait(None, None, span).map(drop)
}

#[derive(PartialEq, Eq)]
enum Event {
    ReaderLeft,
    Daemon,
    Nothing,
}

/// Waits until there is something to read from the daemon, nobody reads what we print, or time is up.
fn wait(watch: Option<&Watch>, reader: Option<BorrowedFd<'_>>, span: Duration) -> Result<Event, Failure> {
    let timeout = Timespec {
        tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    };
    let daemon = watch.map(|watch| PollFd::new(watch, PollFlags::IN));
    let has_daemon = daemon.is_some();
    let reader = reader.map(|reader| PollFd::from_borrowed_fd(reader, PollFlags::empty()));
    let mut fds: Vec<_> = daemon.into_iter().chain(reader).collect();
    // A wait that Ctrl-Z interrupted begins anew, for as long as before.
    rustix::io::retry_on_intr(|| poll(&mut fds, Some(&timeout))).map_err(|errno| {
        Failure::new(FailureCode::Internal, format!("cannot wait for guestissuerd: {errno}"))
    })?;
    let mut happened = fds.iter().map(|fd| !fd.revents().is_empty());
    let daemon = has_daemon && happened.next() == Some(true);
    if happened.next() == Some(true) {
        return Ok(Event::ReaderLeft);
    }
    Ok(if daemon { Event::Daemon } else { Event::Nothing })
}
