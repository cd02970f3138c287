//! Seals secrets and tokens before they reach the store, and opens them again.
//!
//! A sealed value is a format byte, a random nonce of 24 bytes and the XChaCha20-Poly1305 ciphertext. What the value
//! belongs to is authenticated with it, so that a value moved to another row does not open there.

mod key;
mod pair;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use guestissuer_proto::{IssuerName, Secret, UnixTime};
use zeroize::Zeroizing;

use crate::domain::credential::Lifetime;
use crate::domain::guest::{GuestId, Sealed};
pub use key::{KeyError, KeySource};
pub use pair::TokenPair;

/// The first byte of every sealed value of this format.
const FORMAT: u8 = 1;

/// Length of the nonce. Random nonces of this length never meet in practice.
const NONCE: usize = 24;

/// What the value under [`Belonging::KeyCheck`] says.
const KEY_CHECK: &str = "guestissuer key check";

/// What a sealed value belongs to; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub enum Belonging<'a> {
    /// The secret of the issuer of this name, with this public id, whose API is here. Binding the secret to the
    /// address keeps whoever can only write to the database from having it used elsewhere.
    Issuer(&'a IssuerName, &'a str, &'a str),
    /// The token of a guest with these times, which therefore cannot be changed either.
    Token(GuestId, &'a Lifetime),
    /// The own tokens of the Service App of this name and client id, whose access token was issued and expires at these
    /// times.
    AppToken(&'a IssuerName, &'a str, UnixTime, UnixTime),
    /// A known value that tells whether the key is the right one.
    KeyCheck,
}

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no usable key. The text says what a person can do.
    #[error("{0}")]
    Locked(#[from] LockReason),
    /// The value was changed, moved, or sealed with another key.
    #[error("a sealed value does not open: it was changed, moved or cut")]
    Tampered,
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random(#[source] getrandom::Error),
}

/// Why the vault has no usable key although the database needs one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockReason {
    /// The key file is gone.
    #[error("the key file {path} is missing, and the database was sealed with it")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// The key file holds another key than the one the database was sealed with.
    #[error("the key file {path} is not the one the database was sealed with")]
    Wrong {
        /// Where it is.
        path: String,
    },
}

/// Holds the key, or the reason why there is none.
pub struct Vault {
    cipher: Result<XChaCha20Poly1305, LockReason>,
    source: KeySource,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("locked", &self.lock_reason()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the vault of a database whose key check is `check`; a database without one is new.
    ///
    /// The second value is the key check to store with a new database. A missing or wrong key is no error here:
    /// the vault is then locked, and says so to whoever needs it.
    pub fn open(source: KeySource, check: Option<&Sealed>) -> Result<(Self, Option<Sealed>), VaultOpenError> {
        let key = match check {
            Some(_) => source.load()?,
            None => Some(source.load_or_create()?),
        };
        let Some(key) = key else {
            let reason = LockReason::Missing { path: source.to_string() };
            return Ok((Self { cipher: Err(reason), source }, None));
        };
        let mut vault = Self { cipher: Ok(XChaCha20Poly1305::new((&*key).into())), source };
        let Some(check) = check else {
            let check = vault.seal(Belonging::KeyCheck, &Secret::new(KEY_CHECK.to_owned()))?;
            return Ok((vault, Some(check)));
        };
        if vault.unseal(Belonging::KeyCheck, check).is_err() {
            vault.cipher = Err(LockReason::Wrong { path: vault.source.to_string() });
        }
        Ok((vault, None))
    }

    /// Whether the key, if there is one, can be used and is the one that goes with `check`. Changes nothing.
    pub fn check(source: KeySource, check: Option<&Sealed>) -> Result<(), VaultOpenError> {
        source.load()?;
        if let Some(check) = check
            && let Err(reason) = Self::open(source, Some(check))?.0.cipher
        {
            return Err(VaultError::Locked(reason).into());
        }
        Ok(())
    }

    /// Why nothing can be sealed or opened, if so.
    #[must_use]
    pub fn lock_reason(&self) -> Option<&LockReason> {
        self.cipher.as_ref().err()
    }

    /// What the sealing protects from, and what not, in one sentence.
    #[must_use]
    pub fn protection(&self) -> String {
        match &self.cipher {
            Ok(_) => self.source.protection(),
            Err(reason) => format!("locked: {reason}"),
        }
    }

    /// Seals a value.
    pub fn seal(&self, belonging: Belonging<'_>, value: &Secret) -> Result<Sealed, VaultError> {
        let cipher = self.cipher.as_ref().map_err(Clone::clone)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let payload = Payload { msg: value.expose().as_bytes(), aad: &belonging.to_bytes() };
        // The cipher refuses only messages of hundreds of gigabytes.
        let ciphertext = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Tampered)?;
        Ok(Sealed([&[FORMAT], nonce.as_slice(), &ciphertext].concat()))
    }

    /// Opens a value that was sealed for the same belonging.
    pub fn unseal(&self, belonging: Belonging<'_>, sealed: &Sealed) -> Result<Secret, VaultError> {
        let cipher = self.cipher.as_ref().map_err(Clone::clone)?;
        let Some((&FORMAT, rest)) = sealed.0.split_first() else {
            return Err(VaultError::Tampered);
        };
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Tampered)?;
        let payload = Payload { msg: ciphertext, aad: &belonging.to_bytes() };
        let plain = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Tampered)?;
        let plain = Zeroizing::new(plain);
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Tampered)?;
        Ok(Secret::new(text.to_owned()))
    }
}

/// Why a vault could not be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum VaultOpenError {
    /// The key could not be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key check could not be sealed.
    #[error(transparent)]
    Seal(#[from] VaultError),
}

impl Belonging<'_> {
    /// Unambiguous bytes: a tag, then fields of fixed length or with their length before them.
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Issuer(name, public_id, api_base) => {
                let mut bytes = b"guestissuer/issuer/".to_vec();
                for text in [name.as_str(), public_id, api_base] {
                    bytes.extend(text.len().to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
                bytes
            }
            Self::Token(GuestId(id), lifetime) => [
                b"guestissuer/token/".as_slice(),
                &id.to_be_bytes(),
                &lifetime.issued_at.0.to_be_bytes(),
                &lifetime.expires_at.0.to_be_bytes(),
            ]
            .concat(),
            Self::AppToken(name, client_id, issued_at, expires_at) => {
                let mut bytes = b"guestissuer/app-token/".to_vec();
                for text in [name.as_str(), client_id] {
                    bytes.extend(text.len().to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
                bytes.extend(issued_at.0.to_be_bytes());
                bytes.extend(expires_at.0.to_be_bytes());
                bytes
            }
            Self::KeyCheck => b"guestissuer/key-check".to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(expires_at: i64) -> Lifetime {
        let at = UnixTime(expires_at);
        Lifetime { issued_at: UnixTime(0), expires_at: at, refresh_at: at }
    }

    fn source(dir: &tempfile::TempDir) -> KeySource {
        KeySource::in_state_dir(dir.path())
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, check) = Vault::open(source(&dir), None).unwrap();
        assert!(check.is_some());
        let token = Secret::new("eyJ-token".to_owned());
        let here = Belonging::Token(GuestId(7), &lifetime(100));
        let sealed = vault.seal(here, &token).unwrap();
        assert!(!sealed.0.windows(9).any(|window| window == b"eyJ-token"));
        assert_eq!(vault.unseal(here, &sealed).unwrap(), token);
        for elsewhere in
            [Belonging::Token(GuestId(8), &lifetime(100)), Belonging::Token(GuestId(7), &lifetime(101))]
        {
            assert!(matches!(vault.unseal(elsewhere, &sealed), Err(VaultError::Tampered)));
        }
    }

    #[test]
    fn a_changed_or_cut_value_does_not_open() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, _) = Vault::open(source(&dir), None).unwrap();
        let name = "acme".parse().unwrap();
        let sealed = vault
            .seal(Belonging::Issuer(&name, "id", "https://a"), &Secret::new("secret".to_owned()))
            .unwrap();
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(
                vault.unseal(Belonging::Issuer(&name, "id", "https://a"), &changed).is_err(),
                "byte {at}"
            );
            let cut = Sealed(sealed.0[..at].to_vec());
            assert!(vault.unseal(Belonging::Issuer(&name, "id", "https://a"), &cut).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, _) = Vault::open(source(&dir), None).unwrap();
        let value = Secret::new("same".to_owned());
        assert_ne!(
            vault.seal(Belonging::KeyCheck, &value).unwrap(),
            vault.seal(Belonging::KeyCheck, &value).unwrap()
        );
    }

    #[test]
    fn a_missing_or_wrong_key_locks_the_vault_and_makes_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let (_, check) = Vault::open(source(&dir), None).unwrap();
        let check = check.unwrap();
        let path = dir.path().join("guestissuer.key");
        let key = std::fs::read(&path).unwrap();

        std::fs::remove_file(&path).unwrap();
        let (vault, _) = Vault::open(source(&dir), Some(&check)).unwrap();
        assert!(matches!(vault.lock_reason(), Some(LockReason::Missing { .. })));
        assert!(!path.exists());

        let (_, _) = Vault::open(source(&dir), None).unwrap();
        let (vault, _) = Vault::open(source(&dir), Some(&check)).unwrap();
        assert!(matches!(vault.lock_reason(), Some(LockReason::Wrong { .. })));

        std::fs::write(&path, key).unwrap();
        let (vault, _) = Vault::open(source(&dir), Some(&check)).unwrap();
        assert_eq!(vault.lock_reason(), None);
    }
}
