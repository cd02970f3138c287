//! Two tokens under one seal, so that neither can be there without the other or with an older one.

use guestissuer_proto::Secret;
use zeroize::Zeroizing;

use super::{Belonging, Vault, VaultError};
use crate::domain::guest::Sealed;

/// Between the two. Tokens are words of visible characters, so it is in neither.
const SEPARATOR: char = '\n';

/// A refresh token, and the access token that came with it if one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// Buys new access tokens.
    pub refresh: Secret,
    /// The newest of those.
    pub access: Option<Secret>,
}

impl Vault {
    /// Seals a pair.
    pub fn seal_pair(&self, belonging: Belonging<'_>, pair: &TokenPair) -> Result<Sealed, VaultError> {
        let access = pair.access.as_ref().map_or("", Secret::expose);
        let mut text = Zeroizing::new(String::with_capacity(pair.refresh.expose().len() + 1 + access.len()));
        text.push_str(pair.refresh.expose());
        text.push(SEPARATOR);
        text.push_str(access);
        self.seal(belonging, &Secret::new(std::mem::take(&mut *text)))
    }

    /// Opens a pair that was sealed for the same belonging.
    pub fn unseal_pair(&self, belonging: Belonging<'_>, sealed: &Sealed) -> Result<TokenPair, VaultError> {
        let text = self.unseal(belonging, sealed)?;
        let (refresh, access) = text.expose().split_once(SEPARATOR).ok_or(VaultError::Tampered)?;
        let secret = |text: &str| Secret::new(text.to_owned());
        Ok(TokenPair {
            refresh: secret(refresh),
            access: Some(access).filter(|text| !text.is_empty()).map(secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::{IssuerName, UnixTime};

    use super::*;
    use crate::vault::KeySource;

    #[test]
    fn a_pair_opens_as_it_was_and_only_where_it_belongs() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, _) = Vault::open(KeySource::in_state_dir(dir.path()), None).unwrap();
        let (app, other): (IssuerName, IssuerName) = ("app".parse().unwrap(), "other".parse().unwrap());
        let here = Belonging::AppToken(&app, "C1", UnixTime(5), UnixTime(9));
        for access in [None, Some(Secret::new("access".to_owned()))] {
            let pair = TokenPair { refresh: Secret::new("refresh".to_owned()), access };
            let sealed = vault.seal_pair(here, &pair).unwrap();
            assert_eq!(vault.unseal_pair(here, &sealed).unwrap(), pair);
            for elsewhere in [
                Belonging::AppToken(&other, "C1", UnixTime(5), UnixTime(9)),
                Belonging::AppToken(&app, "C2", UnixTime(5), UnixTime(9)),
                Belonging::AppToken(&app, "C1", UnixTime(6), UnixTime(9)),
                Belonging::AppToken(&app, "C1", UnixTime(5), UnixTime(10)),
            ] {
                assert!(matches!(vault.unseal_pair(elsewhere, &sealed), Err(VaultError::Tampered)));
            }
        }
    }
}
