//! A file that holds a valid token: never half of one, and for nobody else's eyes.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use guestissuer_client::proto::{Failure, FailureCode, Secret};
use tempfile::Builder;
use zeroize::Zeroizing;

/// The longest file that could be a token that an earlier run left behind.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// The file. It is removed when this is dropped.
pub(super) struct TokenFile {
    path: PathBuf,
    is_ours: bool,
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
                let is_ours = metadata.is_file()
                    && metadata.uid() == rustix::process::geteuid().as_raw()
                    && is_token(&path).map_err(|error| failed(&path, &error))?;
                if !is_ours {
                    return Err(Failure::new(
                        FailureCode::Usage,
                        format!("{} is there already and holds no token", path.display()),
                    )
                    .with_hint("name a file that does not exist: it is written, and removed at the end"));
                }
            }
        }
        let directory = path.parent().filter(|directory| directory.is_dir());
        if directory.is_none() || path.file_name().is_none() {
            return Err(Failure::new(
                FailureCode::Usage,
                format!("cannot keep a token in {}: its directory does not exist", path.display()),
            ));
        }
        Ok(Self { path, is_ours: false })
    }

    /// Puts a token in the place of the one that is there. Whoever reads at the same time gets one or the other, whole.
    pub(super) fn write(&mut self, token: &Secret) -> Result<(), Failure> {
        self.replace(token).map_err(|error| failed(&self.path, &error))?;
        self.is_ours = true;
        Ok(())
    }

    fn replace(&self, token: &Secret) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        // It is born with mode 0600, and is gone if anything fails before it has its name.
        let mut file = Builder::new().prefix(".gi-token-").tempfile_in(directory)?;
        let line = Zeroizing::new(format!("{}\n", token.expose()));
        file.write_all(line.as_bytes())?;
        file.persist(&self.path).map_err(|error| error.error).map(drop)
    }

    /// Removes the file.
    pub(super) fn remove(mut self) -> Result<(), Failure> {
        self.is_ours = false;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&self.path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if self.is_ours {
            // Whatever went wrong has been told already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file holds nothing, or one word on one line.
fn is_token(path: &Path) -> io::Result<bool> {
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)?.take(LONGEST_TOKEN + 1).read_to_end(&mut text)?;
    let word = text.strip_suffix(b"\n").unwrap_or(&text);
    // The header of every token that is a JWT begins like this.
    let is_jwt = word.starts_with(b"eyJ") && word.iter().all(u8::is_ascii_graphic);
    Ok(text.is_empty() || is_jwt)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(FailureCode::Usage, format!("cannot keep a token in {}: {error}", path.display()))
}
