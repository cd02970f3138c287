//! Where the socket and the state are, decided the same way by both sides.
//!
//! Nothing here looks at the file system or the environment: the callers do, and pass in what they saw.

use std::path::{Path, PathBuf};

/// Name of the directory of this program in those that the XDG base directory specification names.
pub const DIRECTORY: &str = "guestissuer";

/// Name of the socket.
pub const SOCKET: &str = "guestissuerd.sock";

/// Name of the lock file in the state directory. The daemon that holds the lock writes the path of its socket into
/// it.
pub const STATE_LOCK: &str = "guestissuerd.lock";

/// What the socket's place is decided from.
#[derive(Debug, Clone, Copy)]
pub struct SocketPlaces<'a> {
    /// `--socket`.
    pub flag: Option<&'a Path>,
    /// `GI_SOCKET`.
    pub environment: Option<&'a Path>,
    /// `XDG_RUNTIME_DIR`, and whether it is a directory of this user that nobody else can enter.
    pub runtime_dir: Option<&'a Path>,
    /// The state directory, which always serves.
    pub state_dir: &'a Path,
}

/// Where the socket is: `--socket`, else `GI_SOCKET`, else in a runtime directory that `is_private` accepts,
/// else in the state directory. An empty or relative runtime directory counts as none, as the XDG base
/// directory specification wants.
pub fn socket_path(places: SocketPlaces<'_>, is_private: impl FnOnce(&Path) -> bool) -> PathBuf {
    if let Some(path) = places.flag.or(places.environment.filter(|path| !path.as_os_str().is_empty())) {
        return path.to_owned();
    }
    match places.runtime_dir {
        Some(dir) if dir.is_absolute() && is_private(dir) => dir.join(DIRECTORY).join(SOCKET),
        Some(_) | None => places.state_dir.join(SOCKET),
    }
}

/// Whether a directory of `owner` with `mode` belongs to `user` and lets nobody else in.
#[must_use]
pub const fn is_private(owner: u32, mode: u32, user: u32) -> bool {
    owner == user && mode & 0o077 == 0
}

/// Where the state is: `--state-dir`, else `GI_STATE_DIR`, else what the platform says.
#[must_use]
pub fn state_dir(
    flag: Option<&Path>,
    environment: Option<&Path>,
    platform: Option<&Path>,
) -> Option<PathBuf> {
    flag.or(environment.filter(|path| !path.as_os_str().is_empty())).or(platform).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<'a>() -> SocketPlaces<'a> {
        SocketPlaces {
            flag: Some(Path::new("/flag")),
            environment: Some(Path::new("/env")),
            runtime_dir: Some(Path::new("/run/user/7")),
            state_dir: Path::new("/state"),
        }
    }

    #[test]
    fn the_socket_is_found_in_the_order_of_the_contract() {
        let mut at = places();
        assert_eq!(socket_path(at, |_| true), Path::new("/flag"));
        at.flag = None;
        assert_eq!(socket_path(at, |_| true), Path::new("/env"));
        at.environment = Some(Path::new(""));
        assert_eq!(socket_path(at, |_| true), Path::new("/run/user/7/guestissuer/guestissuerd.sock"));
        assert_eq!(socket_path(at, |_| false), Path::new("/state/guestissuerd.sock"));
        at.runtime_dir = Some(Path::new("relative"));
        assert_eq!(socket_path(at, |_| true), Path::new("/state/guestissuerd.sock"));
        at.runtime_dir = None;
        assert_eq!(socket_path(at, |_| true), Path::new("/state/guestissuerd.sock"));
    }

    #[test]
    fn a_private_directory_is_ours_and_closed() {
        assert!(is_private(7, 0o40700, 7));
        assert!(!is_private(7, 0o40750, 7));
        assert!(!is_private(7, 0o40701, 7));
        assert!(!is_private(0, 0o40700, 7));
    }
}
