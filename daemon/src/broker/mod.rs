//! Where a request, the hot cache, the store and Webex meet.
//!
//! Owns who is minted for and when. A hit is answered from memory or with one read; it never waits for another
//! guest, for Webex or for the writer.

mod cache;
mod credentials;
mod diagnosis;
mod direct;
mod failures;
mod flight;
mod guests;
mod hand;
mod issuers;
mod lanes;
mod migration;
mod mint;
mod people;
mod registry;
mod schedule;
mod service_app;
mod status;
mod suggestions;
mod token;
mod watch;
mod whereabouts;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guestissuer_proto::UnixTime;
use tokio::sync::{Mutex, Notify, Semaphore, broadcast};
use tokio_util::task::TaskTracker;

use crate::domain::guest::{GuestKey, IssuerId};
use crate::domain::policy::RefreshShare;
use crate::domain::time::{Clock, Moment};
use crate::store::{Store, StoreError, issuers as issuer_rows};
use crate::vault::Vault;
use crate::webex::Webex;
use crate::webex::proxy::ProxySetting;
use cache::HotCache;
use flight::Flights;
pub use issuers::Trial;
use lanes::Lanes;
use registry::Registry;
pub use schedule::Pass;
pub use watch::{TokenWatch, Watched};

/// How many changes a watcher may be behind before it looks without knowing what changed.
const CHANGES: usize = 64;

/// How the broker decides. From the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When tokens are refreshed.
    pub share: RefreshShare,
    /// How long a token stays valid at least when it is handed out, unless the caller says.
    pub min_validity: Duration,
    /// A guest nobody asked for since then is left to expire.
    pub idle_after: Duration,
    /// Mints at once, over all issuers, 1 or more.
    pub max_in_flight: usize,
    /// Mints a second for one issuer, 1 or more.
    pub mints_per_second: u32,
    /// How long one mint may take.
    pub request_timeout: Duration,
}

/// Where the daemon is, for `gi status`.
#[derive(Debug, Clone)]
pub struct Places {
    /// The socket.
    pub socket: PathBuf,
    /// The state directory.
    pub state_dir: PathBuf,
}

/// What the broker works with.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Seals what goes into it.
    pub vault: Vault,
    /// The other side.
    pub webex: Webex,
    /// How to decide.
    pub settings: Settings,
    /// Where everything is.
    pub places: Places,
    /// Warnings that every client is told.
    pub notices: Vec<String>,
    /// Which proxies the environment names.
    pub proxies: Vec<ProxySetting>,
}

/// See the module.
pub struct Broker {
    clock: Arc<dyn Clock>,
    store: Store,
    vault: Vault,
    webex: Webex,
    settings: Settings,
    places: Places,
    notices: Vec<String>,
    proxies: Vec<ProxySetting>,
    registry: Registry,
    cache: HotCache,
    flights: Arc<Flights<GuestKey>>,
    /// Guests on their way to another issuer, by where they are.
    moves: Arc<Flights<GuestKey>>,
    /// The refreshes of Service Apps' own tokens.
    renewals: Arc<Flights<IssuerId>>,
    lanes: Lanes,
    /// Held by whoever adds a Service App, while Webex is asked: a refresh token can be used up once.
    issuer_additions: Mutex<()>,
    /// Held while the issuers are read and taken into memory.
    issuer_reload: Mutex<()>,
    slots: Semaphore,
    background_slots: Arc<Semaphore>,
    counters: Counters,
    schedule_changed: Notify,
    /// Guests whose token or name has just changed.
    changes: broadcast::Sender<GuestKey>,
    tasks: TaskTracker,
    started: Moment,
}

#[derive(Debug, Default)]
struct Counters {
    gets: AtomicU64,
    hits: AtomicU64,
    mints: AtomicU64,
    mint_failures: AtomicU64,
    coalesced: AtomicU64,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").finish_non_exhaustive()
    }
}

impl Broker {
    /// Puts the parts together.
    pub async fn new(clock: Arc<dyn Clock>, parts: Parts) -> Result<Self, StoreError> {
        let Parts { store, vault, webex, settings, places, notices, proxies } = parts;
        let issuers = store.read(issuer_rows::all).await?;
        let registry = Registry::default();
        let started = clock.now();
        registry.replace(issuers, &vault, started);
        // At least half of the slots are left to those who wait.
        let background = (settings.max_in_flight / 2).max(1);
        Ok(Self {
            clock,
            store,
            vault,
            webex,
            places,
            notices,
            proxies,
            registry,
            cache: HotCache::new(),
            flights: Arc::default(),
            moves: Arc::default(),
            renewals: Arc::default(),
            lanes: Lanes::new(),
            issuer_additions: Mutex::default(),
            issuer_reload: Mutex::default(),
            slots: Semaphore::new(settings.max_in_flight),
            background_slots: Arc::new(Semaphore::new(background)),
            settings,
            counters: Counters::default(),
            schedule_changed: Notify::new(),
            changes: broadcast::Sender::new(CHANGES),
            tasks: TaskTracker::new(),
            started,
        })
    }

    /// The time by the wall clock.
    pub fn now(&self) -> UnixTime {
        self.clock.now().wall
    }

    /// Tells whoever watches a guest to look at it again.
    fn announce(&self, key: &GuestKey) {
        // Fails only if nobody watches.
        let _ = self.changes.send(key.clone());
    }

    /// Warnings that every client is told.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Returns once the database has turned out to be damaged.
    pub async fn damage(&self) {
        self.store.damage().await;
    }

    /// Waits until everything in flight has ended, and writes down what was gathered in memory.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.write_down_uses().await;
    }

    /// Ends the store's threads. Nothing may be asked afterwards.
    pub fn close(self) {
        self.store.close();
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A random number from 0 to 1, for jitter. Not for secrets.
fn roll() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}
