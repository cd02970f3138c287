//! Directories, files and the socket: whose they are, who else gets in, and whether there is room.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use guestissuer_client::Places;
use guestissuer_client::proto::FailureCode;
use guestissuer_client::proto::paths::is_private;
use rustix::fs::{StatVfs, StatVfsMountFlags};

use super::report::Finding;

/// Name of the key file. The daemon does not start if others can read it.
const KEY: &str = "guestissuer.key";

/// How many files of the state directory are looked at. There are about ten.
const MOST_FILES: usize = 1000;

/// How many names one line holds.
const MOST_NAMES: usize = 3;

/// With less room than this, in bytes, somebody should make some: a thousand guests take two megabytes.
const LITTLE_ROOM: u64 = 50 * 1024 * 1024;

/// With less room than this, in bytes, the database cannot grow at all.
const NO_ROOM: u64 = 1024 * 1024;

/// Whether the state directory is private.
pub(super) fn state(path: &Path, user: u32) -> Finding {
    const TOPIC: &str = "state";
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::ok(TOPIC, format!("{shown} does not exist yet; the daemon makes it"));
        }
        Err(error) => {
            let remedy = format!("see whether you may enter {shown} and what is above it");
            return Finding::wrong(TOPIC, FailureCode::Internal, format!("{shown}: {error}"), remedy);
        }
    };
    let wrong = |finding: &str, remedy: String| {
        Finding::wrong(TOPIC, FailureCode::Internal, format!("{shown} {finding}"), remedy)
    };
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_dir() {
        return wrong("is no directory", "move it away, or name another place with GI_STATE_DIR".to_owned());
    }
    if metadata.uid() != user {
        return wrong(&format!("belongs to user {}", metadata.uid()), made_ours(path));
    }
    if !is_private(metadata.uid(), metadata.mode(), user) {
        return wrong(&format!("is open to others (mode {mode:04o})"), format!("chmod 700 {shown}"));
    }
    Finding::ok(TOPIC, format!("{shown}, mode {mode:04o}"))
}

/// Whether the files in the state directory are private.
pub(super) fn inside(state_dir: &Path, user: u32) -> Finding {
    const TOPIC: &str = "files";
    let Ok(entries) = fs::read_dir(state_dir) else {
        return Finding::ok(TOPIC, "none to look at");
    };
    let mut count = 0;
    let mut foreign = Vec::new();
    let mut open = Vec::new();
    for entry in entries.take(MOST_FILES).flatten() {
        let Some(metadata) = entry.metadata().ok().filter(Metadata::is_file) else { continue };
        count += 1;
        let name = entry.file_name().to_string_lossy().into_owned();
        if metadata.uid() != user {
            foreign.push(name);
        } else if !is_private(metadata.uid(), metadata.mode(), user) {
            open.push((name, metadata.mode() & 0o7777));
        }
    }
    foreign.sort_unstable();
    open.sort_unstable();
    let names = |names: &[String]| match names.get(..MOST_NAMES) {
        Some(first) if names.len() > MOST_NAMES => format!("{} and others", first.join(", ")),
        Some(_) | None => names.join(", "),
    };
    if !foreign.is_empty() {
        let finding = format!("{} not yours", are(&names(&foreign), foreign.len()));
        return Finding::wrong(TOPIC, FailureCode::Internal, finding, made_ours(state_dir));
    }
    if let Some((_, mode)) = open.iter().find(|(name, _)| name == KEY) {
        let finding =
            format!("the key is open to others (mode {mode:04o}), and the daemon does not start with it");
        let remedy = format!(
            "chmod 600 {}; whoever may have read it can open the tokens",
            state_dir.join(KEY).display()
        );
        return Finding::wrong(TOPIC, FailureCode::Internal, finding, remedy);
    }
    if !open.is_empty() {
        let open: Vec<_> = open.into_iter().map(|(name, mode)| format!("{name} (mode {mode:04o})")).collect();
        let finding =
            format!("{} open to others, behind a directory that may not be", are(&names(&open), open.len()));
        return Finding::warning(TOPIC, finding, format!("chmod 600 {}/*", state_dir.display()));
    }
    Finding::ok(
        TOPIC,
        match count {
            0 => "none yet".to_owned(),
            1 => "1 file, private".to_owned(),
            count => format!("{count} files, all private"),
        },
    )
}

/// Whether there is room where the state is.
pub(super) fn disk(state_dir: &Path) -> Finding {
    // A directory that is not there yet will be made where its nearest ancestor is.
    let there = state_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(stat) => judge_disk(there, &stat),
        Err(errno) => Finding::warning(
            "disk",
            format!("how much room there is at {} is not known: {errno}", there.display()),
            "see: df",
        ),
    }
}

fn judge_disk(path: &Path, stat: &StatVfs) -> Finding {
    const TOPIC: &str = "disk";
    let shown = path.display();
    let wrong = |finding: String, remedy: &str| Finding::wrong(TOPIC, FailureCode::Internal, finding, remedy);
    if stat.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return wrong(
            format!("{shown} is on a file system that cannot be written to"),
            "mount it writable, or name another place with GI_STATE_DIR",
        );
    }
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let free_mib = free / (1024 * 1024);
    let room = match free_mib {
        ..10_240 => format!("{free_mib} MiB free at {shown}"),
        _ => format!("{} GiB free at {shown}", free_mib / 1024),
    };
    let has_no_inodes = stat.f_files > 0 && stat.f_favail == 0;
    if free < NO_ROOM || has_no_inodes {
        let full = if has_no_inodes { "no more files can be made" } else { "the disk is full" };
        return wrong(
            format!("{full}: {room}"),
            "make room: no token can be stored, and so none is handed out",
        );
    }
    if free < LITTLE_ROOM {
        return Finding::warning(TOPIC, room, "make room: a token that cannot be stored is not handed out");
    }
    Finding::ok(TOPIC, room)
}

/// Whether what is in the socket's place is ours.
/// The longest path of a socket: the size of `sun_path` on Linux, less the zero at its end.
const LONGEST_SOCKET: usize = 107;

pub(super) fn socket(places: &Places, user: u32) -> Finding {
    const TOPIC: &str = "socket";
    let path = &places.socket;
    let shown = path.display();
    if path.as_os_str().len() > LONGEST_SOCKET {
        let finding = format!("{shown} is longer than {LONGEST_SOCKET} bytes, which no socket's path may be");
        let remedy = "name a shorter place with --socket, or GI_SOCKET";
        return Finding::wrong(TOPIC, FailureCode::NoDaemon, finding, remedy);
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let finding = match places.announced() {
                Some(announced) => format!("expected at {shown}, announced at {}", announced.display()),
                None => format!("{shown} does not exist; the daemon makes it"),
            };
            return Finding::ok(TOPIC, finding);
        }
        Err(error) => {
            let remedy = "see whether you may enter the directories above it";
            return Finding::wrong(TOPIC, FailureCode::NoDaemon, format!("{shown}: {error}"), remedy);
        }
    };
    let mode = metadata.mode() & 0o7777;
    if !metadata.file_type().is_socket() {
        return Finding::wrong(
            TOPIC,
            FailureCode::NoDaemon,
            format!("{shown} is there and is no socket"),
            "move it away, or name another place with --socket",
        );
    }
    if metadata.uid() != user {
        return Finding::wrong(
            TOPIC,
            FailureCode::Denied,
            format!("{shown} belongs to user {}", metadata.uid()),
            "every user has a guestissuerd of their own; see GI_SOCKET and --socket",
        );
    }
    if !is_private(metadata.uid(), metadata.mode(), user) {
        let finding = format!("{shown} is open to others (mode {mode:04o}), though the daemon refuses them");
        return Finding::warning(TOPIC, finding, format!("chmod 600 {shown}"));
    }
    Finding::ok(TOPIC, format!("{shown}, mode {mode:04o}"))
}

fn are(names: &str, count: usize) -> String {
    format!("{names} {}", if count == 1 { "is" } else { "are" })
}

/// What helps against files that another user, usually root, has made.
fn made_ours(path: &Path) -> String {
    format!("sudo chown -R \"$(id -u)\" {}; perhaps gi was once run with sudo", path.display())
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::response::Verdict;

    use super::*;

    fn judged(change: impl FnOnce(&mut StatVfs)) -> Verdict {
        let mut stat = rustix::fs::statvfs("/").unwrap();
        stat.f_flag = StatVfsMountFlags::empty();
        (stat.f_frsize, stat.f_bavail, stat.f_files, stat.f_favail) = (4096, 1 << 30, 100, 50);
        change(&mut stat);
        judge_disk(Path::new("/"), &stat).check.verdict
    }

    #[test]
    fn a_disk_is_well_if_it_can_be_written_to_and_has_room() {
        assert_eq!(judged(|_| {}), Verdict::Ok);
        assert_eq!(judged(|stat| stat.f_bavail = LITTLE_ROOM / 4096 - 1), Verdict::Warning);
        assert_eq!(judged(|stat| stat.f_bavail = 0), Verdict::Wrong);
        assert_eq!(judged(|stat| stat.f_favail = 0), Verdict::Wrong);
        // Some file systems do not count files.
        assert_eq!(judged(|stat| (stat.f_files, stat.f_favail) = (0, 0)), Verdict::Ok);
        assert_eq!(judged(|stat| stat.f_flag = StatVfsMountFlags::RDONLY), Verdict::Wrong);
    }
}
