//! From a request to the broker, and from its answer to a reply.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guestissuer_proto::request::GetToken;
use guestissuer_proto::{Failure, FailureCode, Reply, Request, Response};
use interprocess::local_socket::tokio::Stream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::MAX_CONNECTIONS;
use crate::broker::{Broker, TokenWatch, Trial, Watched};

/// How long after its deadline a request is cut off if the broker has not ended it by itself, with a better reason
/// than that time is up. Clients allow for more than this.
const GRACE: Duration = Duration::from_millis(50);

/// How many connections that asked for a stop are held open; there is usually one.
const MAX_HELD: usize = 64;

/// How many guests are watched at once. A watch keeps its connection for as long as it likes, so half of all
/// connections are left to those who ask and go.
const MAX_WATCHES: usize = MAX_CONNECTIONS / 2;

/// What becomes of a connection after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It may ask more.
    GoOn,
    /// It is closed.
    Close,
    /// It stays open until the daemon is gone, which the client waits for.
    HoldUntilTheEnd,
}

/// Answers requests.
#[derive(Debug)]
pub struct Handler {
    broker: Arc<Broker>,
    stop: CancellationToken,
    busy: AtomicUsize,
    last_use: Mutex<Instant>,
    held: Mutex<Vec<Stream>>,
    tasks: TaskTracker,
    watches: Semaphore,
}

impl Handler {
    /// Answers with what the broker says. A request to stop triggers `stop`.
    #[must_use]
    pub fn new(broker: Arc<Broker>, stop: CancellationToken) -> Self {
        let last_use = Mutex::new(Instant::now());
        Self {
            broker,
            stop,
            busy: AtomicUsize::new(0),
            last_use,
            held: Mutex::new(Vec::new()),
            tasks: TaskTracker::new(),
            watches: Semaphore::new(MAX_WATCHES),
        }
    }

    /// Returns once nobody has asked for anything for `span`, except that pinned guests keep the daemon alive.
    pub async fn idle(&self, span: Duration) {
        loop {
            let until = *self.last_use.lock().unwrap_or_else(PoisonError::into_inner) + span;
            tokio::time::sleep_until(until).await;
            let unchanged = *self.last_use.lock().unwrap_or_else(PoisonError::into_inner) + span == until;
            if !unchanged {
                continue;
            }
            let is_busy = self.busy.load(Ordering::Relaxed) > 0;
            if !is_busy && !self.broker.has_pinned_guests().await.unwrap_or(false) {
                return;
            }
            self.note_use();
        }
    }

    pub(super) async fn answer(&self, request: Request, deadline: Instant, version: u16) -> (Reply, Next) {
        let busy = Busy::new(self);
        if let Request::Get(ask) = &request
            && let Some(token) = self.broker.at_hand(ask)
        {
            return (self.reply(Response::Token(token)), Next::GoOn);
        }
        let is_stop = request == Request::Stop;
        // In a task of its own, because a change that was begun must be brought to its end, in memory as on disk, also
        // when nobody waits for it any more.
        let (broker, stop) = (Arc::clone(&self.broker), self.stop.clone());
        let work = self.tasks.spawn(respond(broker, stop, request, deadline, version));
        let response = match timeout_at(deadline + GRACE, work).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(failure))) => Response::Failed(failure),
            Ok(Err(_)) => Response::Failed(defect()),
            Err(_) => Response::Failed(out_of_time()),
        };
        drop(busy);
        let next = if is_stop { Next::HoldUntilTheEnd } else { Next::GoOn };
        (self.reply(response), next)
    }

    /// Begins a watch; its first reply. Without a watch that is the only one.
    pub(super) async fn watch(&self, ask: GetToken, deadline: Instant) -> (Reply, Option<Watching<'_>>) {
        let busy = Busy::new(self);
        let Ok(place) = self.watches.try_acquire() else {
            let failure = Failure::new(FailureCode::Unavailable, "too many guests are watched at once")
                .with_hint("end some of the gi watch and gi exec that run, or ask with gi get now and then");
            return (self.reply(Response::Failed(failure)), None);
        };
        let broker = Arc::clone(&self.broker);
        let work = self.tasks.spawn(async move { broker.watch(ask, deadline).await });
        let begun = match timeout_at(deadline + GRACE, work).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(_)) => Err(defect()),
            Err(_) => Err(out_of_time()),
        };
        match begun {
            Ok((watch, token)) => (
                self.reply(Response::Token(token)),
                Some(Watching { watch, handler: self, _busy: busy, _place: place }),
            ),
            Err(failure) => (self.reply(Response::Failed(failure)), None),
        }
    }

    fn reply(&self, response: Response) -> Reply {
        Reply { now: self.broker.now(), notices: self.broker.notices().to_vec(), response }
    }

    /// Keeps a connection open until the daemon ends.
    pub(super) fn hold(&self, stream: Stream) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < MAX_HELD {
            held.push(stream);
        }
    }

    /// Returns when everything that was begun has ended. Nothing may be asked afterwards.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The connections that wait for the daemon's end, to be closed last.
    pub(crate) fn take_held(&self) -> Vec<Stream> {
        std::mem::take(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_use(&self) {
        *self.last_use.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A client that watches a guest, and is being answered for as long as it does.
pub(super) struct Watching<'a> {
    watch: TokenWatch,
    handler: &'a Handler,
    _busy: Busy<'a>,
    _place: SemaphorePermit<'a>,
}

impl Watching<'_> {
    /// The next reply, within a minute.
    pub(super) async fn next(&mut self) -> Reply {
        self.handler.reply(match self.watch.next().await {
            Watched::Token(token) => Response::Token(token),
            Watched::Same => Response::Done,
            Watched::Failed(failure) => Response::Failed(failure),
        })
    }
}

fn defect() -> Failure {
    Failure::new(FailureCode::Internal, "the daemon met a defect")
}

fn out_of_time() -> Failure {
    Failure::new(FailureCode::Deadline, "no answer in the time given")
        .with_hint("allow more time with --timeout")
}

/// Somebody is being answered, for as long as this exists.
struct Busy<'a>(&'a Handler);

impl<'a> Busy<'a> {
    fn new(handler: &'a Handler) -> Self {
        handler.busy.fetch_add(1, Ordering::Relaxed);
        handler.note_use();
        Self(handler)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.note_use();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn respond(
    broker: Arc<Broker>,
    stop: CancellationToken,
    request: Request,
    deadline: Instant,
    version: u16,
) -> Result<Response, Failure> {
    let guest = |detail| Response::Guest(Box::new(detail));
    Ok(match request {
        Request::Get(ask) => Response::Token(broker.get(ask, deadline).await?),
        Request::List(ask) => Response::Guests(broker.list(ask).await?),
        Request::Show(ask) => guest(broker.show(ask).await?),
        Request::Add(ask) => guest(broker.add(ask, deadline).await?),
        Request::Rename(ask) => guest(broker.rename(ask).await?),
        Request::SetPinned(ask) => guest(broker.set_pinned(ask).await?),
        Request::Remove(ask) => guest(broker.remove(ask).await?),
        Request::IssuerAdd(spec) => Response::Issuer(broker.add_issuer(spec, Trial::None, deadline).await?),
        Request::IssuerUpdate(change) => {
            Response::Issuer(broker.update_issuer(change, Trial::None, deadline).await?)
        }
        Request::IssuerList => Response::Issuers(broker.list_issuers().await?),
        Request::IssuerShow(name) => Response::Issuer(broker.show_issuer(name.as_ref()).await?),
        Request::IssuerRemove(removal) => Response::Issuer(broker.remove_issuer(removal).await?),
        Request::IssuerDefault(name) => Response::Issuer(broker.default_issuer(&name).await?),
        Request::IssuerTest(name) => {
            Response::IssuerTested(broker.test_issuer(name.as_ref(), deadline).await?)
        }
        Request::Status => Response::Status(Box::new(broker.status(version).await?)),
        Request::Stop => {
            stop.cancel();
            Response::Done
        }
        Request::ListDetails(ask) => Response::GuestDetails(broker.list_details(ask).await?),
        Request::Invalidate(ask) => Response::Invalidated(broker.invalidate(ask).await?),
        Request::WhoAmI(guest) => Response::Person(Box::new(broker.who_am_i(guest, deadline).await?)),
        // The connection has many answers to this one, and asks for them itself.
        Request::Watch(_) => return Err(defect()),
        Request::Sign(ask) => Response::Assertion(broker.sign(&ask)?),
        Request::VerifyAssertion(ask) => Response::SignatureChecked(broker.verify_assertion(&ask)?),
        Request::Exchange(ask) => Response::Exchanged(broker.exchange(ask, deadline).await?),
        Request::Quick(ask) => Response::Exchanged(broker.quick(&ask, deadline).await?),
        Request::VerifyToken(ask) => Response::Person(Box::new(broker.verify_token(ask, deadline).await?)),
        Request::Diagnose => Response::Diagnosis(broker.diagnose(deadline).await),
        Request::IssuerAddChecked(spec) => {
            Response::Issuer(broker.add_issuer(spec, Trial::First, deadline).await?)
        }
        Request::IssuerUpdateChecked(change) => {
            Response::Issuer(broker.update_issuer(change, Trial::First, deadline).await?)
        }
        Request::AppShow(ask) => Response::App(Box::new(broker.show_app(ask, deadline).await?)),
        Request::MigrationPlan(ask) => Response::MigrationPlan(broker.plan_migration(ask).await?),
        Request::MigrateGuest(ask) => Response::Moved(Box::new(broker.migrate_guest(ask, deadline).await?)),
        Request::MigrationEnd(migration) => Response::MigrationEnd(broker.end_migration(&migration).await?),
        Request::MovedList(ask) => Response::MovedGuests(broker.list_moved(ask).await?),
        Request::Migrations => Response::Migrations(broker.migrations().await?),
    })
}
