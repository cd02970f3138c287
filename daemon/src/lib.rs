//! guestissuerd: keeps the access tokens of Webex guests valid, and hands them out over a local socket.
//!
//! [`run`] puts the parts together; ARCHITECTURE.md says what they are.

pub mod broker;
pub mod config;
pub mod domain;
pub mod ipc;
pub mod lock;
pub mod notify;
pub mod refresher;
pub mod shutdown;
pub mod state_dir;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod webex;

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::UnixTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use broker::{Broker, Parts, Places};
use config::Config;
use domain::guest::Sealed;
use domain::time::Clock;
use ipc::{BindError, Handler, Listener};
use state_dir::{StateDir, StateDirError};
use store::{Opened, SetAside, Store, StoreError, issuers as issuer_rows};
use vault::{KeySource, Vault, VaultOpenError};
use webex::{Webex, WebexSetupError};

/// How long what is in flight may take when the daemon is asked to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Under this name the database keeps a value that tells whether the key is the right one.
pub const KEY_CHECK: &str = "key_check";

/// Under this name the database keeps the notice that an earlier one was set aside.
const SET_ASIDE: &str = "set_aside";

/// Why the daemon could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// No socket could be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The database cannot be used.
    #[error("cannot use the database")]
    Store(#[from] StoreError),
    /// The key cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultOpenError),
    /// HTTPS cannot be used.
    #[error(transparent)]
    Webex(#[from] WebexSetupError),
    /// The database turned out to be damaged while it was in use. It is set aside at the next start.
    #[error("the database is damaged; it is set aside when the daemon is started again")]
    Damaged,
    /// The operating system gives no signals.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
}

/// Serves until `stop`. `inherited` is the socket the service manager listens on, if it does; `ready` is called once,
/// when clients are served.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    inherited: Option<UnixListener>,
    ready: impl FnOnce(),
    stop: CancellationToken,
) -> Result<(), RunError> {
    let mut state_dir = StateDir::claim(&config.state_dir)?;
    // The socket comes first: clients that connect now wait for the rest instead of failing.
    let listener = match inherited {
        Some(socket) => Listener::take(socket)?,
        None => Listener::bind(&config.socket)?,
    };
    if let Err(error) = state_dir.announce(listener.path()) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot say in the lock file where the socket is"
        );
    }
    let broker = Arc::new(open_broker(&config, &listener, Arc::clone(&clock)).await?);
    let handler = Arc::new(Handler::new(Arc::clone(&broker), stop.clone()));
    let connections = TaskTracker::new();
    let refresher = tokio::spawn(refresher::run(Arc::clone(&broker), clock, stop.clone()));
    ready();
    tracing::info!(socket = %listener.path().display(), version = env!("CARGO_PKG_VERSION"), "serving");

    let ended = tokio::select! {
        () = listener.serve(Arc::clone(&handler), stop.clone(), connections.clone()) => Ok(()),
        () = idle(&handler, config.idle_exit) => {
            tracing::info!("nobody asked for anything for a while");
            Ok(())
        }
        () = broker.damage() => {
            store::mark_suspect(&config.state_dir);
            Err(RunError::Damaged)
        }
    };

    notify::stopping();
    stop.cancel();
    // From here on nobody connects any more; a client that tries finds no daemon, and may start the next one.
    drop(listener);
    connections.close();
    let farewell = async {
        connections.wait().await;
        handler.finish().await;
        // Only when it has stopped does nothing new take off.
        drop(refresher.await);
        broker.finish().await;
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!("ended before everything in flight had finished");
    }
    // Whoever asked for the end learns of it when everything is let go of.
    let held = handler.take_held();
    drop(handler);
    if let Some(broker) = Arc::into_inner(broker) {
        broker.close();
    }
    drop(state_dir);
    tracing::info!("ended");
    drop(held);
    ended
}

async fn idle(handler: &Handler, span: Option<Duration>) {
    match span {
        Some(span) => handler.idle(span).await,
        None => std::future::pending().await,
    }
}

async fn open_broker(
    config: &Config,
    listener: &Listener,
    clock: Arc<dyn Clock>,
) -> Result<Broker, RunError> {
    let now = clock.now().wall;
    let Opened { store, set_aside } = Store::open(&config.state_dir, now)?;
    if let Some(aside) = &set_aside {
        tracing::error!(
            error = &aside.cause as &dyn std::error::Error,
            moved_to = %aside.path.display(),
            "the database was damaged and has been set aside"
        );
    }
    let notices = notices(&store, set_aside, now).await?;
    let check = store.read(|rows| issuer_rows::meta(rows, KEY_CHECK)).await?.map(Sealed);
    let (vault, new_check) = Vault::open(KeySource::in_state_dir(&config.state_dir), check.as_ref())?;
    if let Some(Sealed(check)) = new_check {
        store.write(move |rows| issuer_rows::set_meta(rows, KEY_CHECK, &check)).await?;
    }
    if let Some(reason) = vault.lock_reason() {
        tracing::error!(%reason, "the store is locked");
    }
    let webex = Webex::new(config.timeouts, Arc::clone(&clock))?;
    let places = Places { socket: listener.path().to_owned(), state_dir: config.state_dir.clone() };
    let (settings, proxies) = (config.settings.clone(), config.proxies.clone());
    let parts = Parts { store, vault, webex, settings, places, notices, proxies };
    Ok(Broker::new(clock, parts).await?)
}

/// What everyone must be told: that a database was set aside, for as long as it is still there.
async fn notices(
    store: &Store,
    set_aside: Option<SetAside>,
    now: UnixTime,
) -> Result<Vec<String>, StoreError> {
    if let Some(aside) = set_aside {
        let day =
            jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().strftime("%Y-%m-%d").to_string();
        let path = aside.path.display().to_string();
        let value = format!("{day}\n{path}");
        store.write(move |rows| issuer_rows::set_meta(rows, SET_ASIDE, value.as_bytes())).await?;
    }
    let Some(value) = store.read(|rows| issuer_rows::meta(rows, SET_ASIDE)).await? else {
        return Ok(Vec::new());
    };
    let value = String::from_utf8_lossy(&value).into_owned();
    let Some((day, path)) = value.split_once('\n') else {
        return Ok(Vec::new());
    };
    if !std::path::Path::new(path).exists() {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "on {day} the database was found damaged and set aside as {path}; issuers and guests must be added again, and \
         this notice ends when that file is moved away and the daemon restarted"
    )])
}
