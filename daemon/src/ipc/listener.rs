//! Where clients connect.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use interprocess::local_socket::tokio::{Listener as LocalListener, Stream, prelude::*};
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixLocalListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::handler::Handler;
use crate::lock::{Lock, LockError};

/// How many connections are served at once, those of watchers included. One that says nothing holds its place for a few seconds, one that was
/// served and stays for a minute, and one whose client has left not at all; further ones wait in the listener's queue.
pub(super) const MAX_CONNECTIONS: usize = 512;

/// The longest path of a socket, in bytes: the size of `sun_path` on Linux, less the zero at its end.
const LONGEST_PATH: usize = 107;

/// A socket that clients can connect to, and the lock that makes it ours.
#[derive(Debug)]
pub struct Listener {
    socket: LocalListener,
    path: PathBuf,
    /// Held for as long as the socket is; absent where the service manager owns the socket.
    _lock: Option<Lock>,
}

/// Why no socket could be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another daemon has the lock.
    #[error("another guestissuerd is serving {path}")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket is in the way.
    #[error("{path} exists and is not a socket; it was left alone")]
    NotASocket {
        /// What is in the way.
        path: PathBuf,
    },
    /// A name that does not fit into a socket address.
    #[error("the socket path {path} is longer than {LONGEST_PATH} bytes; choose a shorter one with --socket")]
    TooLong {
        /// The name.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot listen on {path}")]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Makes the socket, private from birth. Never displaces a daemon that is alive.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(BindError::TooLong { path: path.to_owned() });
        }
        let failed = |source| BindError::System { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        }
        // Only the holder of the lock may touch the socket, so nobody's socket is taken while it starts.
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = Lock::take(Path::new(&lock)).map_err(|error| match error {
            LockError::Held => BindError::InUse { path: path.to_owned() },
            LockError::System(source) => failed(source),
        })?;
        remove_stale(path)?;
        let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
        let socket = ListenerOptions::new().name(name).mode(0o600).create_tokio().map_err(failed)?;
        Ok(Self { socket, path: path.to_owned(), _lock: Some(lock) })
    }

    /// Takes over a socket that the service manager listens on. It is not removed at the end.
    pub fn take(socket: UnixListener) -> Result<Self, BindError> {
        let path = socket.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
        let path = path.unwrap_or_default();
        let failed = |source| BindError::System { path: path.clone(), source };
        let listener = UnixLocalListener::try_from(OwnedFd::from(socket)).map_err(failed)?;
        Ok(Self { socket: listener.into(), path, _lock: None })
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves connections until `stop`, then lets those under way finish what they are at.
    pub(crate) async fn serve(&self, handler: Arc<Handler>, stop: CancellationToken, tasks: TaskTracker) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.accept(&places) => accepted,
            };
            match accepted {
                Ok((stream, place)) => {
                    let (handler, stop) = (Arc::clone(&handler), stop.clone());
                    tasks.spawn(async move {
                        Connection::new(stream).serve(&handler, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    // Usually out of file descriptors: better when a connection ends, and pointless before.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn accept(
        &self,
        places: &Arc<Semaphore>,
    ) -> io::Result<(Stream, tokio::sync::OwnedSemaphorePermit)> {
        let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
        Ok((self.socket.accept().await?, place))
    }
}

/// Removes a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::System { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
        // Somebody listens without our lock: a service manager, or a stranger. Either way it is not ours to take.
        Ok(_) => Err(BindError::InUse { path: path.to_owned() }),
    }
}
