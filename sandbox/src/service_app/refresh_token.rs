//! Refresh tokens: how they are made and read back.
//!
//! Like access tokens they are sealed, so that a restarted sandbox still knows those of its former life.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::refusal::Refusal;
use crate::token::{Sealer, Stamp};

/// What a refresh token says of itself, once its seal was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) stamp: Stamp,
    pub(crate) expires_at: UnixMillis,
}

impl RefreshToken {
    /// The token as a text that only the sealer could have written.
    pub(crate) fn write(self, sealer: &Sealer) -> String {
        let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&self).unwrap_or_default());
        let tag = sealer.tag(&sealed(&said));
        format!("{said}_{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// What the text says, if the sealer wrote it. Whether it is still good is the caller's to judge.
    pub(crate) fn read(text: &str, sealer: &Sealer) -> Result<Self, Refusal> {
        // The tag may have an underscore too, but is always as long.
        let at = text.len().checked_sub(TAG_LENGTH + 1).ok_or(Refusal::UnknownRefreshToken)?;
        let (said, tag) = text.split_at_checked(at).ok_or(Refusal::UnknownRefreshToken)?;
        let tag = tag.strip_prefix('_').and_then(|tag| URL_SAFE_NO_PAD.decode(tag).ok());
        if !tag.is_some_and(|tag| sealer.bears(&sealed(said), &tag)) {
            return Err(Refusal::UnknownRefreshToken);
        }
        let said = URL_SAFE_NO_PAD.decode(said).map_err(|_| Refusal::UnknownRefreshToken)?;
        serde_json::from_slice(&said).map_err(|_| Refusal::UnknownRefreshToken)
    }
}

/// Characters of a tag of HMAC-SHA256, 32 bytes, in base64 without padding.
const TAG_LENGTH: usize = 43;

/// What is sealed: with the kind of token, so that no other one passes for it.
fn sealed(said: &str) -> Vec<u8> {
    format!("refresh token {said}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: RefreshToken =
        RefreshToken { stamp: Stamp { run: u64::MAX, serial: 7 }, expires_at: UnixMillis::new(1_800_000) };

    #[test]
    fn another_sealer_with_the_same_secret_reads_the_token() {
        let text = TOKEN.write(&Sealer::new(b"secret"));
        assert_eq!(RefreshToken::read(&text, &Sealer::new(b"secret")), Ok(TOKEN));
        let other = RefreshToken::read(&text, &Sealer::new(b"other"));
        assert_eq!(other, Err(Refusal::UnknownRefreshToken));
    }

    #[test]
    fn a_changed_cut_or_invented_token_is_unknown() {
        let sealer = Sealer::new(b"secret");
        let text = TOKEN.write(&sealer);
        let changed = text.replacen('e', "f", 1);
        let long = "é".repeat(60);
        for wrong in [changed.as_str(), &text[1..], &text[..text.len() - 1], "", "_", &long] {
            assert_eq!(RefreshToken::read(wrong, &sealer), Err(Refusal::UnknownRefreshToken), "{wrong}");
        }
    }
}
