//! Where the key comes from. Another source is another variant of [`KeySource`].

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use guestissuer_proto::paths::is_private;
use zeroize::Zeroizing;

/// Length of a key, in bytes.
pub(super) const LENGTH: usize = 32;

/// Name of the key file in the state directory.
const FILE: &str = "guestissuer.key";

/// Where a vault's key is kept.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// In a file of mode 0600.
    File(PathBuf),
}

/// Why a key could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot use the key file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others can read the key.
    #[error(
        "the key file {path} is not private to this user (mode {mode:04o}, owner {owner}): chmod 600 it, or make it yours"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The user it belongs to.
        owner: u32,
    },
    /// The file is not as long as a key.
    #[error("the key file {path} does not hold a key: restore it from a copy")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random(#[source] getrandom::Error),
}

impl KeySource {
    /// The key file beside the database.
    #[must_use]
    pub fn in_state_dir(state_dir: &Path) -> Self {
        Self::File(state_dir.join(FILE))
    }

    /// What keeping the key here protects from, in one sentence.
    pub(super) fn protection(&self) -> String {
        match self {
            Self::File(path) => format!(
                "sealed with the key in {}: a copy of the database alone is useless, but whoever can read your \
                 files can open it",
                path.display()
            ),
        }
    }

    /// Reads the key; `None` if there is none.
    pub(super) fn load(&self) -> Result<Option<Zeroizing<[u8; LENGTH]>>, KeyError> {
        match self {
            Self::File(path) => load_file(path),
        }
    }

    /// Reads the key, making a random one if there is none.
    pub(super) fn load_or_create(&self) -> Result<Zeroizing<[u8; LENGTH]>, KeyError> {
        if let Some(key) = self.load()? {
            return Ok(key);
        }
        let mut key = Zeroizing::new([0; LENGTH]);
        getrandom::fill(key.as_mut()).map_err(KeyError::Random)?;
        match self {
            Self::File(path) => {
                create_file(path, key.as_ref())
                    .map_err(|source| KeyError::File { path: path.clone(), source })?;
            }
        }
        Ok(key)
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}

fn load_file(path: &Path) -> Result<Option<Zeroizing<[u8; LENGTH]>>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    let (owner, mode) = (metadata.uid(), metadata.mode());
    if !is_private(owner, mode, rustix::process::geteuid().as_raw()) {
        return Err(KeyError::Exposed { path: path.to_owned(), mode: mode & 0o7777, owner });
    }
    if metadata.len() != LENGTH as u64 {
        return Err(KeyError::Malformed { path: path.to_owned() });
    }
    let mut key = Zeroizing::new([0; LENGTH]);
    file.read_exact(key.as_mut()).map_err(failed)?;
    Ok(Some(key))
}

/// Writes the key beside its place and moves it there, so that there is never half a key.
fn create_file(path: &Path, key: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("key.new");
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_file_is_private_and_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource::in_state_dir(dir.path());
        let key = source.load_or_create().unwrap();
        assert_eq!(*source.load_or_create().unwrap(), *key);
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_was_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource::in_state_dir(dir.path());
        source.load_or_create().unwrap();
        let path = dir.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(source.load(), Err(KeyError::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; LENGTH - 1]).unwrap();
        assert!(matches!(source.load_or_create(), Err(KeyError::Malformed { .. })));
    }
}
