//! What the daemon is told: arguments, environment and the configuration file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directories::ProjectDirs;
use guestissuer_proto::Span;
use guestissuer_proto::paths::{self, DIRECTORY, SocketPlaces};
use serde::Deserialize;

use crate::broker::Settings;
use crate::domain::policy::RefreshShare;
use crate::webex::Timeouts;
use crate::webex::proxy::ProxySetting;

/// Name of the file in the configuration directory.
const FILE: &str = "config.toml";

/// The longest configuration file that is read. The one with every key has a kilobyte.
const LONGEST_FILE: u64 = 64 * 1024;

/// Everything the daemon needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect.
    pub socket: PathBuf,
    /// Where the database, the key and the log are.
    pub state_dir: PathBuf,
    /// How the broker decides.
    pub settings: Settings,
    /// How long requests to Webex may take.
    pub timeouts: Timeouts,
    /// Exit when nobody has asked for anything for this long.
    pub idle_exit: Option<Duration>,
    /// Which proxies the environment names.
    pub proxies: Vec<ProxySetting>,
}

/// What is said on the command line and in the environment about places.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// `--socket`.
    pub socket: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--idle-exit`.
    pub idle_exit: Option<Span>,
    /// `GI_SOCKET`.
    pub env_socket: Option<PathBuf>,
    /// `GI_STATE_DIR`.
    pub env_state_dir: Option<PathBuf>,
    /// `GI_CONFIG`.
    pub env_config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `HTTPS_PROXY` and its like.
    pub proxies: Vec<ProxySetting>,
}

/// Why there is no valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither a home directory nor `--state-dir`.
    #[error("there is no home directory; name a place with --state-dir")]
    NoHome,
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is longer than any configuration.
    #[error("the configuration {path} is longer than {LONGEST_FILE} bytes")]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// A key that is not known, or a value of the wrong shape. The text names the line and what is allowed.
    #[error("the configuration {path}, line {line} ({text}): {complaint}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line, the first one being 1.
        line: usize,
        /// What the line says.
        text: String,
        /// What is wrong with it, and what is allowed.
        complaint: String,
    },
}

/// The configuration file. The defaults are those of the contract.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    refresh: Refresh,
    webex: WebexSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Refresh {
    at: Bounded<10, 95>,
    jitter: Bounded<0, 25>,
    min_validity: Span,
    idle_after: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebexSection {
    max_in_flight: Count,
    mints_per_second: Count,
    connect_timeout: Timeout,
    request_timeout: Timeout,
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            at: Bounded(0.75),
            jitter: Bounded(0.05),
            min_validity: Span::from_secs(300),
            idle_after: Span::from_secs(86_400),
        }
    }
}

impl Default for WebexSection {
    fn default() -> Self {
        Self {
            max_in_flight: Count(16),
            mints_per_second: Count(10),
            connect_timeout: Timeout(Span::from_secs(5)),
            request_timeout: Timeout(Span::from_secs(15)),
        }
    }
}

/// A fraction between two numbers of hundredths.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Bounded<const LOW: u32, const HIGH: u32>(f64);

impl<const LOW: u32, const HIGH: u32> TryFrom<f64> for Bounded<LOW, HIGH> {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        let (low, high) = (f64::from(LOW) / 100.0, f64::from(HIGH) / 100.0);
        if (low..=high).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("must be from {low} to {high}"))
        }
    }
}

/// A number of things at once, or a second.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct Count(u16);

impl TryFrom<i64> for Count {
    type Error = &'static str;

    fn try_from(value: i64) -> Result<Self, Self::Error> {
        match u16::try_from(value) {
            Ok(count @ 1..=1000) => Ok(Self(count)),
            Ok(_) | Err(_) => Err("must be from 1 to 1000"),
        }
    }
}

/// A span that something must end in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Span")]
struct Timeout(Span);

impl TryFrom<Span> for Timeout {
    type Error = &'static str;

    fn try_from(span: Span) -> Result<Self, Self::Error> {
        let bounds = Span::from_secs(1)..=Span::from_secs(300);
        if bounds.contains(&span) { Ok(Self(span)) } else { Err("must be from 1s to 5m") }
    }
}

impl Config {
    /// Puts together what was said with the configuration file.
    pub fn load(said: &Said) -> Result<Self, ConfigError> {
        let platform = ProjectDirs::from("", "", DIRECTORY);
        let platform_state = platform.as_ref().map(|dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()));
        let state_dir =
            paths::state_dir(said.state_dir.as_deref(), said.env_state_dir.as_deref(), platform_state)
                .ok_or(ConfigError::NoHome)?;
        let places = SocketPlaces {
            flag: said.socket.as_deref(),
            environment: said.env_socket.as_deref(),
            runtime_dir: said.runtime_dir.as_deref(),
            state_dir: &state_dir,
        };
        let socket = paths::socket_path(places, is_private_directory);
        let named = said
            .config
            .clone()
            .or_else(|| said.env_config.clone().filter(|path| !path.as_os_str().is_empty()));
        let file = match (named, platform) {
            (Some(path), _) => read(&path)?,
            (None, Some(dirs)) => {
                let path = dirs.config_dir().join(FILE);
                if path.try_exists().unwrap_or(true) { read(&path)? } else { File::default() }
            }
            (None, None) => File::default(),
        };
        let File { refresh, webex } = file;
        let timeouts = Timeouts {
            connect: webex.connect_timeout.0.as_duration(),
            request: webex.request_timeout.0.as_duration(),
        };
        let settings = Settings {
            share: RefreshShare { at: refresh.at.0, jitter: refresh.jitter.0 },
            min_validity: refresh.min_validity.as_duration(),
            idle_after: refresh.idle_after.as_duration(),
            max_in_flight: usize::from(webex.max_in_flight.0),
            mints_per_second: u32::from(webex.mints_per_second.0),
            request_timeout: timeouts.request,
        };
        let idle_exit = said.idle_exit.map(Span::as_duration);
        Ok(Self { socket, state_dir, settings, timeouts, idle_exit, proxies: said.proxies.clone() })
    }
}

/// Whether a directory is this user's and lets nobody else in. Links are not followed.
#[must_use]
pub fn is_private_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir()
            && paths::is_private(metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())
    })
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > LONGEST_FILE {
        return Err(ConfigError::TooLong { path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    toml::from_str(&text).map_err(|error| syntax_error(path, &text, &error))
}

/// Says in one line what is wrong and where, as logs want it.
fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    ConfigError::Syntax {
        path: path.to_owned(),
        line,
        text: text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
        complaint: error.message().replace('\n', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, text).unwrap();
        Config::load(&Said { config: Some(path), state_dir: Some("/state".into()), ..Said::default() })
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let written_out = "
            [refresh]
            at = 0.75
            jitter = 0.05
            min_validity = \"5m\"
            idle_after = \"24h\"
            [webex]
            max_in_flight = 16
            mints_per_second = 10
            connect_timeout = \"5s\"
            request_timeout = \"15s\"
        ";
        let explicit = parse(written_out).unwrap();
        let empty = parse("").unwrap();
        assert_eq!(format!("{:?}", explicit.settings), format!("{:?}", empty.settings));
        assert_eq!(format!("{:?}", explicit.timeouts), format!("{:?}", empty.timeouts));
        assert_eq!(empty.settings.idle_after, Duration::from_secs(86_400));
    }

    #[test]
    fn an_unknown_key_or_a_bad_value_is_named_with_its_line_and_what_is_allowed() {
        for (text, fragments) in [
            ("[refresh]\nsoon = 1", ["line 2", "soon", "min_validity"]),
            ("[webax]\nx = 1", ["line 1", "webax", "`refresh`"]),
            ("[refresh]\nat = 1.5", ["line 2", "at = 1.5", "from 0.1 to 0.95"]),
            ("[refresh]\nidle_after = \"24\"", ["line 2", "idle_after", "units ms, s, m, h, d"]),
            ("[webex]\nmax_in_flight = 0", ["line 2", "max_in_flight", "from 1 to 1000"]),
            ("[webex]\nconnect_timeout = \"1h\"", ["line 2", "connect_timeout", "from 1s to 5m"]),
        ] {
            let message = parse(text).unwrap_err().to_string();
            for fragment in fragments {
                assert!(message.contains(fragment), "{text:?}: {fragment:?} is not in {message}");
            }
        }
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        let said = Said {
            config: Some("/nowhere/config.toml".into()),
            state_dir: Some("/s".into()),
            ..Said::default()
        };
        assert!(matches!(Config::load(&said), Err(ConfigError::Unreadable { .. })));
    }
}
