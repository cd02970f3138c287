//! Where the daemon is: the one part of the library that reads the environment.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use guestissuer_proto::paths::{self, DIRECTORY, STATE_LOCK, SocketPlaces};

/// The longest path that is read from the lock file, in bytes. Socket addresses hold a hundred.
const LONGEST_PATH: u64 = 4096;

/// Where the daemon listens and keeps its state, by the same rules as the daemon's own.
#[derive(Debug, Clone)]
pub struct Places {
    /// The socket.
    pub socket: PathBuf,
    /// The state directory.
    pub state_dir: PathBuf,
    was_named: bool,
}

/// There is no home directory, and nothing else says where the state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no home directory; set HOME, or GI_STATE_DIR and GI_SOCKET")]
pub struct NoHome;

impl Places {
    /// `socket` if it is given, else what `GI_SOCKET`, `XDG_RUNTIME_DIR`, `GI_STATE_DIR`, `XDG_STATE_HOME` and `HOME`
    /// say.
    pub fn find(socket: Option<&Path>) -> Result<Self, NoHome> {
        let socket = socket.filter(|path| !path.as_os_str().is_empty());
        let [environment, runtime_dir, state_dir] =
            ["GI_SOCKET", "XDG_RUNTIME_DIR", "GI_STATE_DIR"].map(|name| variable(name).map(PathBuf::from));
        let platform = ProjectDirs::from("", "", DIRECTORY);
        let platform = platform.as_ref().map(|dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()));
        let state_dir = paths::state_dir(None, state_dir.as_deref(), platform).ok_or(NoHome)?;
        let places = SocketPlaces {
            flag: socket,
            environment: environment.as_deref(),
            runtime_dir: runtime_dir.as_deref(),
            state_dir: &state_dir,
        };
        let was_named = socket.or(environment.as_deref()).is_some();
        Ok(Self { socket: paths::socket_path(places, is_private_directory), state_dir, was_named })
    }

    /// Whether the socket was named, by `--socket` or `GI_SOCKET`, and not looked for.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.was_named
    }

    /// Where the daemon of this state directory says that it listens, if that is elsewhere and nobody named a socket.
    ///
    /// A job of cron, say, has no `XDG_RUNTIME_DIR` and looks for the daemon in another place than the session that
    /// started it.
    #[must_use]
    pub fn announced(&self) -> Option<PathBuf> {
        if self.was_named || !is_private_directory(&self.state_dir) {
            return None;
        }
        let mut text = String::new();
        let file = fs::File::open(self.state_dir.join(STATE_LOCK)).ok()?;
        file.take(LONGEST_PATH).read_to_string(&mut text).ok()?;
        Some(PathBuf::from(text)).filter(|path| path.is_absolute() && *path != self.socket)
    }
}

fn is_private_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir()
            && paths::is_private(metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())
    })
}

/// An empty value counts as none.
#[expect(clippy::disallowed_methods, reason = "the place where the library reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
