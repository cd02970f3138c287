//! The runtime directory, in which gi and the daemon find each other.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use guestissuer_client::proto::paths::is_private;

use super::report::Finding;

const TOPIC: &str = "runtime";

/// What is used instead.
const FALLBACK: &str = "so the socket is in the state directory";

/// Whether the runtime directory serves, if it matters.
pub(super) fn look(is_named: bool, runtime_dir: Option<&OsStr>, user: u32) -> Finding {
    if is_named {
        return Finding::ok(TOPIC, "not needed: --socket or GI_SOCKET names the socket");
    }
    let Some(runtime_dir) = runtime_dir.map(Path::new) else {
        return unset(user);
    };
    let shown = runtime_dir.display();
    let warning = |finding: String, remedy: String| {
        Finding::warning(TOPIC, format!("XDG_RUNTIME_DIR {finding}, {FALLBACK}"), remedy)
    };
    if !runtime_dir.is_absolute() {
        return warning(format!("is {shown}, which is not absolute"), usual(user));
    }
    let metadata = match fs::symlink_metadata(runtime_dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return warning(format!("is {shown}, which does not exist"), usual(user));
        }
        Err(error) => return warning(format!("is {shown}, which cannot be used: {error}"), usual(user)),
    };
    if !metadata.is_dir() {
        return warning(format!("is {shown}, which is no directory"), usual(user));
    }
    if metadata.uid() != user {
        // Kept by `su`, which changes the user and not the environment.
        let owner = metadata.uid();
        return warning(format!("is {shown}, which belongs to user {owner}"), usual(user));
    }
    if !is_private(metadata.uid(), metadata.mode(), user) {
        let mode = metadata.mode() & 0o7777;
        return warning(
            format!("is {shown}, which is open to others (mode {mode:04o})"),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::ok(TOPIC, format!("{shown}, mode {:04o}", metadata.mode() & 0o7777))
}

fn unset(user: u32) -> Finding {
    if cfg!(target_os = "macos") {
        return Finding::ok(TOPIC, "none on this system; the socket is in the state directory");
    }
    Finding::warning(TOPIC, format!("XDG_RUNTIME_DIR is not set, {FALLBACK}"), usual(user))
}

/// What usually helps.
fn usual(user: u32) -> String {
    let usual = format!("/run/user/{user}");
    let there = fs::symlink_metadata(&usual);
    if there.is_ok_and(|metadata| metadata.is_dir() && is_private(metadata.uid(), metadata.mode(), user)) {
        return format!("export XDG_RUNTIME_DIR={usual}");
    }
    "usual under su, cron and WSL without systemd, and harmless as long as everyone who uses the daemon sees the same; \
     else log in anew, or name the socket with GI_SOCKET"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use guestissuer_client::proto::response::Verdict;

    use super::*;

    #[test]
    fn a_runtime_directory_of_another_user_is_told_of_unless_it_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let owner = fs::metadata(dir.path()).unwrap().uid();
        let seen = |is_named, user| look(is_named, Some(dir.path().as_os_str()), user).check;
        assert_eq!(seen(false, owner).verdict, Verdict::Ok);
        let foreign = seen(false, owner + 1);
        assert_eq!(foreign.verdict, Verdict::Warning);
        assert!(foreign.finding.contains(&format!("belongs to user {owner}")), "{foreign:?}");
        assert_eq!(seen(true, owner + 1).verdict, Verdict::Ok);
    }
}
