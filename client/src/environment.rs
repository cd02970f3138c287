//! What the environment says. Nothing else reads it, except clap for `GI_SOCKET`, `GI_TIMEOUT` and
//! `GI_NO_AUTOSTART`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use guestissuer_client::proto::paths::{self, DIRECTORY, SocketPlaces};
use guestissuer_client::proto::{Failure, FailureCode, Secret};

/// What the environment says.
pub(crate) struct Environment {
    state_dir: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
    /// `GI_CONFIG`, which a daemon that is started from elsewhere must still find.
    pub(crate) config: Option<PathBuf>,
    /// `NO_COLOR`, if it is set to anything.
    pub(crate) no_color: bool,
    /// `ISSUER`: an issuer id.
    pub(crate) issuer_id: Option<String>,
    /// `SECRET`: an issuer's secret.
    pub(crate) secret: Option<Secret>,
}

/// Where the daemon is.
pub(crate) struct Places {
    pub(crate) socket: PathBuf,
    pub(crate) state_dir: PathBuf,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        Self {
            state_dir: path("GI_STATE_DIR"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            config: path("GI_CONFIG"),
            no_color: variable("NO_COLOR").is_some(),
            issuer_id: text("ISSUER"),
            secret: text("SECRET").map(Secret::new),
        }
    }

    /// Where the daemon is, by the same rules as the daemon's own.
    pub(crate) fn places(&self, socket: Option<&Path>) -> Result<Places, Failure> {
        let platform = ProjectDirs::from("", "", DIRECTORY);
        let platform = platform.as_ref().map(|dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()));
        let state_dir = paths::state_dir(None, self.state_dir.as_deref(), platform).ok_or_else(|| {
            Failure::new(FailureCode::NoDaemon, "there is no home directory")
                .with_hint("set HOME, or GI_STATE_DIR and GI_SOCKET")
        })?;
        let places = SocketPlaces {
            flag: socket,
            // clap has read GI_SOCKET already.
            environment: None,
            runtime_dir: self.runtime_dir.as_deref(),
            state_dir: &state_dir,
        };
        Ok(Places { socket: paths::socket_path(places, is_private_directory), state_dir })
    }
}

fn is_private_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir()
            && paths::is_private(metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())
    })
}

/// An empty value counts as none.
#[expect(clippy::disallowed_methods, reason = "the place where the environment is read")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
