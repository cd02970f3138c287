//! The tokens that are asked for most, in memory, and who was asked for lately.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use guestissuer_proto::{DisplayName, UnixTime};
use lru::LruCache;

use crate::domain::credential::Credential;
use crate::domain::guest::{GuestId, GuestKey};

/// How many tokens are kept in memory: about ten megabytes of them.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// How many notes of use are gathered before they are written down early.
const FULL: usize = 4096;

/// A guest with its token, ready to be handed out.
#[derive(Debug, Clone)]
pub(super) struct Warm {
    /// The store's number of the guest.
    pub(super) id: GuestId,
    /// What it is called.
    pub(super) display_name: DisplayName,
    /// Its token, if it has one that opens.
    pub(super) credential: Option<Credential>,
    /// When the token in the store was minted, whether it opens or not.
    pub(super) minted_at: Option<UnixTime>,
    /// When the next mint is planned.
    pub(super) next_attempt_at: Option<UnixTime>,
}

/// Invariant: what is in here is in the store too.
#[derive(Debug)]
pub(super) struct HotCache {
    warm: Mutex<LruCache<GuestKey, Warm>>,
    used: Mutex<HashMap<GuestId, UnixTime>>,
    generation: AtomicU64,
}

impl HotCache {
    pub(super) fn new() -> Self {
        Self {
            warm: Mutex::new(LruCache::new(CAPACITY)),
            used: Mutex::new(HashMap::new()),
            generation: AtomicU64::new(0),
        }
    }

    /// The guest, if it is here.
    pub(super) fn find(&self, key: &GuestKey) -> Option<Warm> {
        self.warm().get(key).cloned()
    }

    /// Changes whenever something is forgotten. Taken before the store is asked, it tells whether the answer may still
    /// be kept.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Keeps a guest as the store had it. If something was forgotten since `generation`, the guest is forgotten instead:
    /// the store may have changed again, and an older entry is worse than none.
    pub(super) fn keep(&self, key: GuestKey, warm: Warm, generation: u64) {
        let mut entries = self.warm();
        if self.generation() == generation {
            entries.put(key, warm);
        } else {
            entries.pop(&key);
        }
    }

    /// Plans the next attempt of a guest that is here.
    pub(super) fn plan(&self, key: &GuestKey, next_attempt_at: Option<UnixTime>) {
        if let Some(warm) = self.warm().peek_mut(key) {
            warm.next_attempt_at = next_attempt_at;
        }
    }

    /// Forgets a guest, whose row in the store has changed.
    pub(super) fn forget(&self, key: &GuestKey) {
        let mut entries = self.warm();
        self.generation.fetch_add(1, Ordering::Relaxed);
        entries.pop(key);
    }

    /// Forgets everyone.
    pub(super) fn clear(&self) {
        let mut entries = self.warm();
        self.generation.fetch_add(1, Ordering::Relaxed);
        entries.clear();
    }

    /// Notes that a guest was asked for. True if it is time to write the notes down.
    pub(super) fn note_use(&self, id: GuestId, at: UnixTime) -> bool {
        let mut used = self.used();
        used.insert(id, at);
        used.len() >= FULL
    }

    /// When a guest was last asked for, if that is not yet written down.
    pub(super) fn last_use(&self, id: GuestId) -> Option<UnixTime> {
        self.used().get(&id).copied()
    }

    /// Takes the notes of use, to write them down.
    pub(super) fn take_uses(&self) -> Vec<(GuestId, UnixTime)> {
        self.used().drain().collect()
    }

    fn warm(&self) -> MutexGuard<'_, LruCache<GuestKey, Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> MutexGuard<'_, HashMap<GuestId, UnixTime>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::guest::IssuerId;

    fn key(subject: &str) -> GuestKey {
        GuestKey { issuer: IssuerId(1), subject: subject.parse().unwrap() }
    }

    fn warm(id: i64) -> Warm {
        let display_name = "Ann".parse().unwrap();
        Warm { id: GuestId(id), display_name, credential: None, minted_at: None, next_attempt_at: None }
    }

    #[test]
    fn what_may_have_changed_meanwhile_is_not_kept_and_nothing_older_stays() {
        let cache = HotCache::new();
        cache.keep(key("1"), warm(1), cache.generation());
        assert_eq!(cache.find(&key("1")).unwrap().id, GuestId(1));
        let before = cache.generation();
        // Another guest is changed while a mint of this one is being stored.
        cache.forget(&key("2"));
        cache.keep(key("1"), warm(3), before);
        assert!(cache.find(&key("1")).is_none());
    }
}
