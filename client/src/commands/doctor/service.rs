//! The user's service manager, where there is one: whether it starts the daemon, and goes on after a log-out.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::Finding;
use crate::environment::Environment;

const TOPIC: &str = "service";

/// The units. With the socket's, the service manager starts the daemon when it is asked for something.
const SOCKET: &str = "guestissuerd.socket";
const SERVICE: &str = "guestissuerd.service";

/// Where units of a user's service manager are, besides the user's own.
const UNIT_DIRS: [&str; 4] =
    ["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user", "/lib/systemd/user"];

/// What is to be seen of systemd.
pub(super) struct Systemd {
    /// Whether it runs this machine.
    is_running: bool,
    /// Where units are, the user's own place first.
    unit_dirs: Vec<PathBuf>,
    /// The file that is there if the user's services go on after a log-out; absent if the user has no name.
    linger: Option<PathBuf>,
}

impl Systemd {
    pub(super) fn here() -> Self {
        let own = Environment::config_home().map(|home| home.join("systemd/user"));
        Self {
            is_running: Path::new("/run/systemd/system").exists(),
            unit_dirs: own.into_iter().chain(UNIT_DIRS.map(PathBuf::from)).collect(),
            linger: user_name().map(|user| Path::new("/var/lib/systemd/linger").join(user)),
        }
    }

    fn has(&self, unit: &str) -> bool {
        self.unit_dirs.iter().any(|dir| dir.join(unit).exists())
    }

    /// Whether something that is started by itself wants the unit.
    fn is_enabled(&self, unit: &str) -> bool {
        let wanted = ["sockets.target.wants", "default.target.wants"];
        // The link may point to where the unit was once; what counts is that it is there.
        let is_link = |path: PathBuf| fs::symlink_metadata(path).is_ok();
        self.unit_dirs.iter().any(|dir| wanted.iter().any(|wants| is_link(dir.join(wants).join(unit))))
    }
}

/// Whether tokens are kept fresh without anybody's help.
pub(super) fn look(systemd: &Systemd) -> Finding {
    if !systemd.is_running {
        return Finding::ok(TOPIC, "no systemd here; gi starts the daemon when it is needed");
    }
    let installed: Vec<_> = [SOCKET, SERVICE].into_iter().filter(|unit| systemd.has(unit)).collect();
    if installed.is_empty() {
        return Finding::ok(TOPIC, "no unit is installed; gi starts the daemon when it is needed");
    }
    let Some(enabled) = installed.iter().find(|unit| systemd.is_enabled(unit)) else {
        return Finding::warning(
            TOPIC,
            format!("{} is installed and not enabled", installed.join(" and ")),
            format!("systemctl --user enable --now {}", installed.first().unwrap_or(&SOCKET)),
        );
    };
    match &systemd.linger {
        Some(linger) if !linger.exists() => Finding::warning(
            TOPIC,
            format!("{enabled} is enabled, but tokens are not refreshed while you are logged out"),
            "loginctl enable-linger",
        ),
        Some(_) => Finding::ok(TOPIC, format!("{enabled} is enabled, and goes on while you are logged out")),
        None => Finding::ok(TOPIC, format!("{enabled} is enabled")),
    }
}

/// This user's name: what the system's list says, else what the environment says.
fn user_name() -> Option<String> {
    let user = rustix::process::geteuid().as_raw().to_string();
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let listed = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(user.as_str())).then(|| name.to_owned())
    });
    listed.or_else(Environment::user).filter(|name| !name.is_empty() && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::response::Verdict;

    use super::*;

    #[test]
    fn a_service_is_well_when_it_is_enabled_and_outlives_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let (units, linger) = (dir.path().join("units"), dir.path().join("linger"));
        let mut systemd =
            Systemd { is_running: true, unit_dirs: vec![units.clone()], linger: Some(linger.clone()) };
        let seen = |systemd: &Systemd| {
            let check = look(systemd).check;
            (check.verdict, check.remedy.unwrap_or_default())
        };
        assert_eq!(seen(&systemd), (Verdict::Ok, String::new()));
        fs::create_dir_all(units.join("sockets.target.wants")).unwrap();
        fs::write(units.join(SOCKET), "").unwrap();
        let enable = "systemctl --user enable --now guestissuerd.socket";
        assert_eq!(seen(&systemd), (Verdict::Warning, enable.to_owned()));
        std::os::unix::fs::symlink("/nowhere", units.join("sockets.target.wants").join(SOCKET)).unwrap();
        assert_eq!(seen(&systemd), (Verdict::Warning, "loginctl enable-linger".to_owned()));
        fs::write(&linger, "").unwrap();
        assert_eq!(seen(&systemd), (Verdict::Ok, String::new()));
        fs::remove_file(&linger).unwrap();
        systemd.is_running = false;
        assert_eq!(seen(&systemd), (Verdict::Ok, String::new()));
    }
}
