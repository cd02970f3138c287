//! The issuers in memory: few, and needed by every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use guestissuer_proto::{Failure, FailureCode, IssuerName, Secret};

use super::service_app::AppHolder;
use super::suggestions;
use crate::domain::gate::Gate;
use crate::domain::guest::{Issuer, IssuerId};
use crate::domain::time::Moment;
use crate::vault::{Belonging, Vault, VaultError};
use crate::webex::base::ApiBase;
use crate::webex::{IssuerAccess, LONGEST_WAIT};

/// An issuer, ready to mint with.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it is on disk.
    pub(super) issuer: Issuer,
    /// What minting takes, or why it cannot be done.
    pub(super) minting: Result<Minting, Failure>,
    /// Outlives changes of the issuer.
    door: Arc<Mutex<Door>>,
    /// A Service App's own token; empty for other kinds. Outlives changes of the issuer as well.
    pub(super) app: Arc<AppHolder>,
}

/// What holds requests back, and the failure that closed it last.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) failure: Option<Failure>,
}

/// What minting takes.
#[derive(Debug)]
pub(super) struct Minting {
    pub(super) base: ApiBase,
    pub(super) access: IssuerAccess,
}

impl Entry {
    /// Makes a stored issuer ready. One whose secret does not open is kept, so that it can be mended.
    pub(super) fn new(issuer: Issuer, vault: &Vault, now: Moment) -> Self {
        let minting = Minting::new(&issuer, vault);
        let failure = issuer.last_error.as_ref().map(|error| error.failure.clone());
        let door = Arc::new(Mutex::new(Door {
            gate: Gate::paused(now, issuer.paused_until, LONGEST_WAIT),
            failure,
        }));
        Self { issuer, minting, door, app: Arc::default() }
    }

    /// A request succeeded, or what failed before no longer counts.
    pub(super) fn succeeded(&self) {
        let mut door = self.door();
        door.gate.succeeded();
        door.failure = None;
    }

    pub(super) fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minting {
    fn new(issuer: &Issuer, vault: &Vault) -> Result<Self, Failure> {
        let secret = unseal(issuer, vault).map_err(|error| {
            tracing::error!(issuer = %issuer.name, error = &error as &dyn std::error::Error, "cannot open a secret");
            super::failures::vault(&error)
        })?;
        let unusable = |what: &str| {
            Failure::new(
                FailureCode::Internal,
                format!("the stored {what} of issuer {} cannot be used", issuer.name),
            )
            .with_hint(format!("set it again with: gi issuer update {}", issuer.name))
        };
        let base = issuer.api_base.parse().map_err(|_| unusable("address"))?;
        let access =
            IssuerAccess::new(issuer.kind, &issuer.public_id, &secret).map_err(|_| unusable("secret"))?;
        Ok(Self { base, access })
    }
}

/// Opens the secret of a stored issuer.
pub(super) fn unseal(issuer: &Issuer, vault: &Vault) -> Result<Secret, VaultError> {
    let belonging = Belonging::Issuer(&issuer.name, &issuer.public_id, &issuer.api_base);
    vault.unseal(belonging, &issuer.sealed)
}

/// All issuers, by name.
#[derive(Debug, Default)]
pub(super) struct Registry(RwLock<BTreeMap<IssuerName, Arc<Entry>>>);

impl Registry {
    /// Takes what is on disk; gates of issuers that stay are kept.
    pub(super) fn replace(&self, issuers: Vec<Issuer>, vault: &Vault, now: Moment) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *entries);
        for issuer in issuers {
            let mut entry = Entry::new(issuer, vault, now);
            if let Some(before) = old.get(&entry.issuer.name).filter(|old| old.issuer.id == entry.issuer.id) {
                entry.door = Arc::clone(&before.door);
                entry.app = Arc::clone(&before.app);
            }
            entries.insert(entry.issuer.name.clone(), Arc::new(entry));
        }
    }

    /// All issuers, by name.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The issuer of this number.
    pub(super) fn by_id(&self, id: IssuerId) -> Option<Arc<Entry>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().find(|entry| entry.issuer.id == id).cloned()
    }

    /// The issuer that has taken the place of this one, or of the one that had; itself if none has.
    pub(super) fn last_successor(&self, mut entry: Arc<Entry>) -> Arc<Entry> {
        // They never go round in a circle: who takes a place has no successor then.
        while let Some(next) = entry.issuer.successor.and_then(|id| self.by_id(id)) {
            entry = next;
        }
        entry
    }

    /// The issuer of this name; without a name the default one, or the only one.
    pub(super) fn resolve(&self, name: Option<&IssuerName>) -> Result<Arc<Entry>, Failure> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = name {
            let unknown = || {
                let known: Vec<_> = entries.keys().map(IssuerName::as_str).collect();
                let near = suggestions::nearest(name.as_str(), known.iter().copied(), |known| known);
                let hint = match (known.as_slice(), near) {
                    ([], _) => format!("add it with: gi issuer add {name}"),
                    (_, Some(near)) => format!("did you mean {near}?"),
                    (_, None) => format!("known issuers: {}", known.join(", ")),
                };
                Failure::new(FailureCode::UnknownIssuer, format!("no issuer is called {name}"))
                    .with_hint(hint)
            };
            return entries.get(name).cloned().ok_or_else(unknown);
        }
        let only = || {
            if entries.len() == 1 { entries.values().next() } else { None }
        };
        let chosen = entries.values().find(|entry| entry.issuer.is_default).or_else(only);
        chosen.cloned().ok_or_else(|| match entries.len() {
            0 => Failure::new(FailureCode::UnknownIssuer, "there is no issuer yet")
                .with_hint("add one with: gi issuer add NAME --id ISSUER_ID, or --kind service-app"),
            _ => Failure::new(FailureCode::UnknownIssuer, "no issuer is the default")
                .with_hint("name one with --issuer, or choose the default with: gi issuer default NAME"),
        })
    }
}
