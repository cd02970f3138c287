//! What the environment says to gi alone. Where the daemon is, is the library's to find out; and clap reads
//! `GI_SOCKET`, `GI_TIMEOUT` and `GI_NO_AUTOSTART`.

use std::ffi::OsString;
use std::path::PathBuf;

use guestissuer_client::proto::Secret;

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
        }
    }
}

/// An empty value counts as none.
#[expect(clippy::disallowed_methods, reason = "the place where the environment is read")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
