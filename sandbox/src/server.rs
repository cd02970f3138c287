//! The listener and the task that owns every connection.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::settings::Settings;
use crate::world::World;
use crate::{api, connection, control, webex};

/// Most connections at once. More wait in the kernel's queue until one ends.
const MAX_CONNECTIONS: usize = 4_096;

/// A sandbox that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    /// Dropping it is the signal to stop.
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

/// Why a sandbox does not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken, or not for us to take.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listener failed while it ran.
    #[error("cannot accept connections any more: {0}")]
    Accept(#[source] io::Error),
}

impl Sandbox {
    /// Starts to listen on 127.0.0.1 and to answer, in a task of the current runtime.
    pub async fn start(settings: Settings) -> Result<Self, SandboxError> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        let failed = |source| SandboxError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let world = Arc::new(World::new(&settings));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, app(&world), stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens: 127.0.0.1 and the port that was asked for or found.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of the API's addresses, such as `http://127.0.0.1:4321/v1`.
    #[must_use]
    pub fn api_base(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Waits until the sandbox fails; it never ends of itself.
    pub async fn failed(&mut self) -> SandboxError {
        match (&mut self.task).await {
            Ok(Err(error)) => SandboxError::Accept(error),
            // Neither is possible while `stop` is held and nobody aborts the task.
            Ok(Ok(())) | Err(_) => pending().await,
        }
    }

    /// Closes the listener and every connection, answered or not, and returns when that is done.
    pub async fn shutdown(self) {
        drop(self.stop);
        // However the task ended, it has ended.
        let _ = self.task.await;
    }
}

fn app(world: &Arc<World>) -> Router {
    Router::new()
        .nest("/_control", control::routes(world))
        .fallback_service(api::routes(world))
        .layer(from_fn_with_state(Arc::clone(world), stamp))
}

/// Stamps the answers of the control interface too; those of the API have their stamp already.
async fn stamp(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    webex::stamp(response.headers_mut(), world.now());
    response
}

async fn accept(listener: TcpListener, app: Router, mut stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection::serve(stream, app.clone()));
            }
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Without a connection of our own to wait for, trying again would be no different.
            Err(error) if connections.is_empty() => return Err(error),
            // Most likely too many open files: the end of a connection makes room.
            Err(_) => {
                connections.join_next().await;
            }
        }
    }
}
