//! Which of the Service App's tokens are alive, and which come next.

use std::collections::BTreeMap;

use guestissuer_proto::Secret;

use crate::clock::UnixMillis;
use crate::jwt::Guest;
use crate::refusal::Refusal;
use crate::service_app::{AccessTokens, AppDials, RefreshToken, Rotation};
use crate::token::{Bearer, Holder, Sealer, Stamp};

/// How many guests are remembered, and how many tokens that end otherwise than they say, which bounds the
/// memory. The oldest tokens are forgotten first, the newest guests not counted.
const MAX_REMEMBERED: usize = 100_000;

/// The stamp of the first refresh token. The number of a run is half a uuid, and those never have all bits set.
const FIRST: Stamp = Stamp { run: u64::MAX, serial: u64::MAX };

/// When a token ended that was ended at once.
const AT_ONCE: UnixMillis = UnixMillis::new(0);

/// What the Service App's tokens have been through since the start.
pub(crate) struct AppLedger {
    pub(crate) dials: AppDials,
    /// The refresh token that a person copied from the portal.
    first: Secret,
    /// When refresh tokens end, where it is not when they say.
    ends: BTreeMap<Stamp, UnixMillis>,
    /// The serial of the last refresh token that was killed; those of former runs are dead with it.
    killed: Option<u64>,
    /// The serial of the last access token that was revoked; those of former runs are revoked with it.
    revoked: Option<u64>,
    /// For the serial of a token, the refresh token that dies when it is used.
    predecessors: BTreeMap<u64, Stamp>,
    newest_refresh: String,
    newest_access: Option<Access>,
    /// What each guest of the app is called now.
    names: BTreeMap<String, String>,
    pub(crate) refreshes: u64,
    pub(crate) rotations: u64,
}

/// Makes tokens at one moment of one run.
pub(crate) struct Maker<'a> {
    pub(crate) sealer: &'a Sealer,
    pub(crate) run: u64,
    /// The last serial that was given.
    pub(crate) serial: &'a mut u64,
    pub(crate) now: UnixMillis,
}

/// What a refresh gives, or the portal.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    /// Whole seconds, rounded down.
    pub(crate) access_life_s: u64,
    pub(crate) refresh_token: Option<String>,
    /// Whole seconds, rounded down, also of a refresh token that is not given again.
    pub(crate) refresh_life_s: u64,
}

#[derive(Clone)]
struct Access {
    text: String,
    stamp: Stamp,
    expires_at: UnixMillis,
}

impl Maker<'_> {
    fn stamp(&mut self) -> Stamp {
        *self.serial += 1;
        Stamp { run: self.run, serial: *self.serial }
    }

    /// Whether the token is of a former run, or of this run and not after the one with this serial.
    fn reaches(&self, last: Option<u64>, stamp: Stamp) -> bool {
        last.is_some_and(|last| stamp.run != self.run || stamp.serial <= last)
    }

    fn access(&mut self, life_ms: u64) -> Result<Access, Refusal> {
        let stamp = self.stamp();
        let expires_at = self.now.plus_millis(life_ms);
        let text = self.sealer.mint(&Holder { bearer: Bearer::App, stamp, expires_at })?;
        Ok(Access { text, stamp, expires_at })
    }

    fn refresh(&mut self, life_ms: u64) -> RefreshToken {
        RefreshToken { stamp: self.stamp(), expires_at: self.now.plus_millis(life_ms) }
    }
}

impl AppLedger {
    /// An app that has its first refresh token and nothing else.
    pub(crate) fn new(first: &Secret, now: UnixMillis) -> Self {
        let mut ledger = Self {
            dials: AppDials::default(),
            first: first.clone(),
            ends: BTreeMap::new(),
            killed: None,
            revoked: None,
            predecessors: BTreeMap::new(),
            newest_refresh: String::new(),
            newest_access: None,
            names: BTreeMap::new(),
            refreshes: 0,
            rotations: 0,
        };
        ledger.restore(now);
        ledger
    }

    /// Dials and counts as at the start, and the first refresh token alive. What else has died stays dead.
    pub(crate) fn restore(&mut self, now: UnixMillis) {
        self.dials = AppDials::default();
        self.ends.insert(FIRST, now.plus_millis(self.dials.refresh_life_ms));
        self.newest_refresh = self.first.expose().to_owned();
        self.newest_access = None;
        self.names.clear();
        self.refreshes = 0;
        self.rotations = 0;
    }

    /// Gives what a refresh token is good for, and lets tokens die as the rotation says.
    pub(crate) fn refresh(&mut self, text: &str, maker: &mut Maker<'_>) -> Result<Issued, Refusal> {
        let used = self.judged(text, maker)?;
        // First what can fail: a refresh that does must leave all as it was.
        let (access, fresh) = self.access_for(maker)?;
        self.note_use(used.stamp, maker.run);
        let life_ms = self.dials.refresh_life_ms;
        let refresh_token = match self.dials.rotation {
            Rotation::RotateStrict | Rotation::RotateLenient | Rotation::RotateKeep => {
                let next = maker.refresh(life_ms);
                self.retire(used, &[Some(next.stamp), fresh.then_some(access.stamp)], maker.now);
                self.rotations += 1;
                Some(next.write(maker.sealer))
            }
            Rotation::Same | Rotation::Omit => {
                self.end(used.stamp, maker.now.plus_millis(life_ms));
                (self.dials.rotation == Rotation::Same).then(|| text.to_owned())
            }
        };
        self.refreshes += 1;
        self.newest_refresh = refresh_token.clone().unwrap_or_else(|| text.to_owned());
        self.newest_access = Some(access.clone());
        Ok(self.issued(access, refresh_token, maker.now))
    }

    /// A new pair, as the portal gives to a person. No other token dies of it.
    pub(crate) fn issue(&mut self, maker: &mut Maker<'_>) -> Result<Issued, Refusal> {
        let access = maker.access(self.dials.access_life_ms)?;
        let refresh_token = maker.refresh(self.dials.refresh_life_ms).write(maker.sealer);
        self.newest_refresh.clone_from(&refresh_token);
        self.newest_access = Some(access.clone());
        Ok(self.issued(access, Some(refresh_token), maker.now))
    }

    /// Whether an access token of the app was revoked. If not, it is being used, of which another token may die.
    pub(crate) fn accept(&mut self, stamp: Stamp, maker: &Maker<'_>) -> Result<(), Refusal> {
        if maker.reaches(self.revoked, stamp) {
            return Err(Refusal::TokenRevoked);
        }
        self.note_use(stamp, maker.run);
        Ok(())
    }

    /// Ends every access token of the app made until now.
    pub(crate) fn revoke(&mut self, serial: u64) {
        self.revoked = Some(serial);
    }

    /// Ends every refresh token made until now, the first among them.
    pub(crate) fn kill(&mut self, serial: u64) {
        self.killed = Some(serial);
        self.end(FIRST, AT_ONCE);
    }

    /// The refresh token that a client which has lost no answer holds now.
    pub(crate) fn newest_refresh(&self) -> &str {
        &self.newest_refresh
    }

    /// The access token that was given last.
    pub(crate) fn newest_access(&self) -> Option<&str> {
        self.newest_access.as_ref().map(|access| access.text.as_str())
    }

    /// Notes a guest of the app, and what it is called from now on.
    pub(crate) fn name(&mut self, guest: &Guest) {
        if self.names.len() < MAX_REMEMBERED || self.names.contains_key(&guest.subject) {
            self.names.insert(guest.subject.clone(), guest.name.clone());
        }
    }

    /// What the guest of the app is called, whatever its token says; absent for one of a former run.
    pub(crate) fn name_of(&self, subject: &str) -> Option<&str> {
        self.names.get(subject).map(String::as_str)
    }

    /// How many guests the app has.
    pub(crate) fn guests(&self) -> usize {
        self.names.len()
    }

    /// The refresh token, if it is alive.
    fn judged(&self, text: &str, maker: &Maker<'_>) -> Result<RefreshToken, Refusal> {
        let token = if text == self.first.expose() {
            RefreshToken { stamp: FIRST, expires_at: maker.now }
        } else {
            let token = RefreshToken::read(text, maker.sealer)?;
            if maker.reaches(self.killed, token.stamp) {
                return Err(Refusal::DeadRefreshToken);
            }
            token
        };
        let end = self.ends.get(&token.stamp).copied().unwrap_or(token.expires_at);
        if end > maker.now {
            return Ok(RefreshToken { expires_at: end, ..token });
        }
        Err(if end == AT_ONCE { Refusal::DeadRefreshToken } else { Refusal::RefreshTokenExpired })
    }

    /// The access token for a refresh, and whether it is a new one.
    fn access_for(&self, maker: &mut Maker<'_>) -> Result<(Access, bool), Refusal> {
        if self.dials.access_token == AccessTokens::Same
            && let Some(access) = &self.newest_access
            && access.expires_at > maker.now
            && !maker.reaches(self.revoked, access.stamp)
        {
            return Ok((access.clone(), false));
        }
        Ok((maker.access(self.dials.access_life_ms)?, true))
    }

    /// Lets a rotated token die as the rotation says: at once, with the use of a successor, or after its grace.
    fn retire(&mut self, used: RefreshToken, successors: &[Option<Stamp>], now: UnixMillis) {
        if self.dials.rotation == Rotation::RotateStrict {
            self.end(used.stamp, AT_ONCE);
            return;
        }
        if let Some(grace_ms) = self.dials.grace_ms {
            self.end(used.stamp, used.expires_at.min(now.plus_millis(grace_ms)));
        }
        if self.dials.rotation == Rotation::RotateLenient {
            for successor in successors.iter().flatten() {
                bound(&mut self.predecessors);
                self.predecessors.insert(successor.serial, used.stamp);
            }
        }
    }

    /// Ends the refresh token that lived only until this one was used.
    fn note_use(&mut self, stamp: Stamp, run: u64) {
        if stamp.run == run
            && let Some(predecessor) = self.predecessors.remove(&stamp.serial)
        {
            self.end(predecessor, AT_ONCE);
        }
    }

    fn end(&mut self, stamp: Stamp, at: UnixMillis) {
        bound(&mut self.ends);
        self.ends.insert(stamp, at);
    }

    fn issued(&self, access: Access, refresh_token: Option<String>, now: UnixMillis) -> Issued {
        Issued {
            access_life_s: access.expires_at.seconds_after(now),
            access_token: access.text,
            refresh_token,
            refresh_life_s: self.dials.refresh_life_ms / 1_000,
        }
    }
}

/// Makes room for one more.
fn bound<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    if map.len() >= MAX_REMEMBERED {
        map.pop_first();
    }
}
