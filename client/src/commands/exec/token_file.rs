//! A file that holds a valid token: never half of one, and for nobody else's eyes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use guestissuer_client::proto::{Failure, FailureCode, Secret};
use tempfile::Builder;
use zeroize::Zeroizing;

/// The longest file that could be a token that an earlier run left behind.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// Every access token is longer than this. Guest JWTs, which somebody may keep, are shorter.
const SHORTEST_TOKEN: usize = 1_000;

/// The file. It is removed when this is dropped, as long as it is the one that was written.
pub(super) struct TokenFile {
    path: PathBuf,
    /// What was written last, with a lock on it that tells other runs to keep away. It goes with the process.
    written: Option<File>,
}

impl TokenFile {
    /// A file that is still to be written. One that is there already is replaced only if it looks like a token that an
    /// earlier run left behind, so that nothing else is ever lost.
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        // The command may go elsewhere; the file stays where it was named.
        let path = std::path::absolute(path).map_err(|error| failed(path, &error))?;
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
            Ok(metadata) => {
                let is_ours = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
                let found =
                    if is_ours { look(&path).map_err(|error| failed(&path, &error))? } else { Found::Other };
                let (what, hint) = match found {
                    Found::Leftover => return Self::in_directory(path),
                    Found::InUse => ("is kept by another gi exec", "give every run a file of its own"),
                    Found::Other => (
                        "is there already and is no access token",
                        "name a file that does not exist: it is written, and removed at the end",
                    ),
                };
                let message = format!("{} {what}", path.display());
                return Err(Failure::new(FailureCode::Usage, message).with_hint(hint));
            }
        }
        Self::in_directory(path)
    }

    fn in_directory(path: PathBuf) -> Result<Self, Failure> {
        let directory = path.parent().filter(|directory| directory.is_dir());
        if directory.is_none() || path.file_name().is_none() {
            return Err(Failure::new(
                FailureCode::Usage,
                format!("cannot keep a token in {}: its directory does not exist", path.display()),
            ));
        }
        Ok(Self { path, written: None })
    }

    /// Puts a token in the place of the one that is there. Whoever reads at the same time gets one or the other, whole.
    pub(super) fn write(&mut self, token: &Secret) -> Result<(), Failure> {
        if self.written.is_some() && !self.is_ours() && fs::symlink_metadata(&self.path).is_ok() {
            let message = format!("{} was replaced by something else and is left alone", self.path.display());
            return Err(Failure::new(FailureCode::Usage, message));
        }
        let written = self.replace(token).map_err(|error| failed(&self.path, &error))?;
        self.written = Some(written);
        Ok(())
    }

    /// Whether what is there is what was written.
    fn is_ours(&self) -> bool {
        let same = |written: &File| -> io::Result<bool> {
            let (ours, there) = (written.metadata()?, fs::symlink_metadata(&self.path)?);
            Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        self.written.as_ref().is_some_and(|written| same(written).unwrap_or(false))
    }

    fn replace(&self, token: &Secret) -> io::Result<File> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        // It is born with mode 0600, and is gone if anything fails before it has its name.
        let mut file = Builder::new().prefix(".gi-token-").tempfile_in(directory)?;
        let line = Zeroizing::new(format!("{}\n", token.expose()));
        file.write_all(line.as_bytes())?;
        file.as_file().try_lock()?;
        // The name of the new file, which is gone by then, helps nobody.
        file.persist(&self.path).map_err(|error| error.error)
    }

    /// Removes the file.
    pub(super) fn remove(mut self) -> Result<(), Failure> {
        let is_ours = self.is_ours();
        self.written = None;
        if !is_ours {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if self.is_ours() {
            // Whatever went wrong has been told already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What a file is that is there already.
enum Found {
    /// Nothing, or a token that an earlier run left behind.
    Leftover,
    /// A token that another run keeps fresh.
    InUse,
    /// Something else.
    Other,
}

/// Looks at a file: whether it is kept by another run, and whether it holds an access token, one word on one line.
fn look(path: &Path) -> io::Result<Found> {
    let file = File::open(path)?;
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Found::InUse),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LONGEST_TOKEN + 1).read_to_end(&mut text)?;
    let word = text.strip_suffix(b"\n").unwrap_or(&text);
    let is_token = word.len() > SHORTEST_TOKEN && word.iter().all(u8::is_ascii_graphic);
    Ok(if text.is_empty() || is_token { Found::Leftover } else { Found::Other })
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(FailureCode::Usage, format!("cannot keep a token in {}: {error}", path.display()))
}
