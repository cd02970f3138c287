//! What the environment says to gi alone. Where the daemon is, is the library's to find out; and clap reads
//! `GI_SOCKET`, `GI_TIMEOUT` and `GI_NO_AUTOSTART`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use directories::{BaseDirs, ProjectDirs};
use guestissuer_client::proto::Secret;
use guestissuer_client::proto::paths::DIRECTORY;

/// Name of the configuration file in its directory.
const CONFIG: &str = "config.toml";

/// What matters to the daemon: where things are, how to get out to the network, and whom to trust there.
const PASSED_ON: &[&str] = &[
    "HOME",
    "PATH",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_BACKTRACE",
];

/// What the environment says.
#[derive(Clone)]
pub(crate) struct Environment {
    /// What a daemon that is started from here gets of our environment.
    pub(crate) for_the_daemon: Vec<(OsString, OsString)>,
    /// `GI_CONFIG`, which a daemon that is started from elsewhere must still find.
    pub(crate) config: Option<PathBuf>,
    /// `NO_COLOR`, if it is set to anything.
    pub(crate) no_color: bool,
    /// `ISSUER`: an issuer id.
    pub(crate) issuer_id: Option<String>,
    /// `SECRET`: an issuer's secret.
    pub(crate) secret: Option<Secret>,
    /// `EXPIRES`: for how long a guest JWT is valid.
    pub(crate) expires: Option<String>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        let for_the_daemon =
            PASSED_ON.iter().filter_map(|name| Some((OsString::from(name), variable(name)?)));
        Self {
            for_the_daemon: for_the_daemon.collect(),
            config: variable("GI_CONFIG").map(PathBuf::from),
            no_color: variable("NO_COLOR").is_some(),
            issuer_id: text("ISSUER"),
            secret: text("SECRET").map(Secret::new),
            // What is no text is no number either, and is refused with its name.
            expires: variable("EXPIRES").map(|value| value.to_string_lossy().into_owned()),
        }
    }

    /// One of the variables that a daemon which is started from here gets.
    pub(crate) fn passed_on(&self, name: &str) -> Option<&OsStr> {
        self.for_the_daemon.iter().find(|(passed, _)| passed == name).map(|(_, value)| value.as_os_str())
    }

    /// Where programs keep their configuration.
    pub(crate) fn config_home() -> Option<PathBuf> {
        BaseDirs::new().map(|directories| directories.config_dir().to_owned())
    }

    /// The configuration file: what `GI_CONFIG` names, else where the daemon looks by itself.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        let by_itself = || ProjectDirs::from("", "", DIRECTORY).map(|dirs| dirs.config_dir().join(CONFIG));
        self.config.clone().or_else(by_itself)
    }

    /// What the environment calls this user. Not to be trusted for more than a file name to look for.
    pub(crate) fn user() -> Option<String> {
        ["LOGNAME", "USER"].into_iter().find_map(|name| variable(name)?.into_string().ok())
    }
}

/// `COMPLETE`: the shell that wants to know what may come next on its line.
pub(crate) fn shell_that_completes() -> Option<String> {
    variable("COMPLETE")?.into_string().ok()
}

/// `PATH`: the folders with commands.
pub(crate) fn search_path() -> Vec<PathBuf> {
    variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// An empty value counts as none.
#[expect(clippy::disallowed_methods, reason = "the place where the environment is read")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
