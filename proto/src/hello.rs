//! The first bytes each side writes. They never change, so that any two versions can tell each other apart.
//!
//! ```text
//! hello     "gi" 00 f5   lowest:u16   highest:u16
//! welcome   "gi" 00 f5   chosen:u16   0:u16
//! refusal   "gi" 00 f5   0:u16        reason:u16   lowest:u16  highest:u16  length:u16  text
//! ```
//! Numbers are written most significant byte first.

use crate::{HIGHEST_VERSION, LOWEST_VERSION};

/// Starts both sides' first bytes. Its last two are no text, so that no text protocol can be taken for this one.
pub const MAGIC: [u8; 4] = *b"gi\x00\xf5";

/// Length of a hello, and of the fixed part of a greeting.
pub const LENGTH: usize = 8;

/// Length of what follows the fixed part of a refusal, before its text.
pub const REFUSAL_LENGTH: usize = 6;

/// The longest text of a refusal, in bytes.
pub const MAX_TEXT: usize = 512;

/// The bytes are not those of a hello or a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer does not speak the guestissuer protocol")]
pub struct NotOurs;

/// What a client says first: the versions it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The oldest version it speaks.
    pub lowest: u16,
    /// The newest version it speaks, in which its first call is written.
    pub highest: u16,
}

impl Hello {
    /// The hello of this build.
    pub const OURS: Self = Self { lowest: LOWEST_VERSION, highest: HIGHEST_VERSION };

    /// The hello as it is written.
    #[must_use]
    pub fn to_bytes(self) -> [u8; LENGTH] {
        fixed_part(self.lowest, self.highest)
    }

    /// Reads a hello. Version zero does not exist, and a range must not be empty.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Result<Self, NotOurs> {
        let (lowest, highest) = read_fixed_part(bytes)?;
        if lowest == 0 || highest < lowest {
            return Err(NotOurs);
        }
        Ok(Self { lowest, highest })
    }

    /// The newest version that both this and `other` speak.
    #[must_use]
    pub fn common_version(self, other: Self) -> Option<u16> {
        let newest = self.highest.min(other.highest);
        (newest >= self.lowest.max(other.lowest)).then_some(newest)
    }
}

/// What a daemon says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// The conversation goes on in this version.
    Welcome {
        /// The newest version both sides speak.
        version: u16,
    },
    /// The conversation ends here; the rest of the [`Refusal`] follows.
    Refused {
        /// Why.
        reason: RefusalReason,
    },
}

impl Greeting {
    /// Reads the fixed part of a greeting.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Result<Self, NotOurs> {
        Ok(match read_fixed_part(bytes)? {
            (0, reason) => Self::Refused { reason: RefusalReason::from_wire(reason) },
            (version, _) => Self::Welcome { version },
        })
    }

    /// A welcome as it is written.
    #[must_use]
    pub fn welcome(version: u16) -> [u8; LENGTH] {
        fixed_part(version, 0)
    }
}

/// Why a daemon will not talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// No version in common.
    Version,
    /// The peer is another user.
    Denied,
    /// The bytes were not those of this protocol.
    Malformed,
    /// A reason that a later version may add.
    Unknown(u16),
}

impl RefusalReason {
    fn from_wire(number: u16) -> Self {
        match number {
            1 => Self::Version,
            2 => Self::Denied,
            3 => Self::Malformed,
            other => Self::Unknown(other),
        }
    }

    fn to_wire(self) -> u16 {
        match self {
            Self::Version => 1,
            Self::Denied => 2,
            Self::Malformed => 3,
            Self::Unknown(other) => other,
        }
    }
}

/// A refusal, readable by every version of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// The versions the daemon speaks.
    pub speaks: Hello,
    /// A sentence for the user.
    pub text: String,
}

impl Refusal {
    /// The whole refusal as it is written; a text over [`MAX_TEXT`] is cut.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut cut = self.text.len().min(MAX_TEXT);
        while !self.text.is_char_boundary(cut) {
            cut -= 1;
        }
        let (text, _) = self.text.split_at(cut);
        let mut bytes = fixed_part(0, self.reason.to_wire()).to_vec();
        bytes.extend(self.speaks.lowest.to_be_bytes());
        bytes.extend(self.speaks.highest.to_be_bytes());
        bytes.extend(u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    /// Reads what follows the fixed part: the versions the daemon speaks and the length of the text.
    #[must_use]
    pub fn read_range(bytes: [u8; REFUSAL_LENGTH]) -> (Hello, usize) {
        let [l0, l1, h0, h1, n0, n1] = bytes;
        let speaks = Hello { lowest: u16::from_be_bytes([l0, l1]), highest: u16::from_be_bytes([h0, h1]) };
        (speaks, usize::from(u16::from_be_bytes([n0, n1])).min(MAX_TEXT))
    }
}

fn fixed_part(first: u16, second: u16) -> [u8; LENGTH] {
    let [m0, m1, m2, m3] = MAGIC;
    let [a0, a1] = first.to_be_bytes();
    let [b0, b1] = second.to_be_bytes();
    [m0, m1, m2, m3, a0, a1, b0, b1]
}

fn read_fixed_part(bytes: [u8; LENGTH]) -> Result<(u16, u16), NotOurs> {
    let [m0, m1, m2, m3, a0, a1, b0, b1] = bytes;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(NotOurs);
    }
    Ok((u16::from_be_bytes([a0, a1]), u16::from_be_bytes([b0, b1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hello_and_the_refusal_never_change() {
        assert_eq!(Hello { lowest: 1, highest: 0x0203 }.to_bytes(), *b"gi\x00\xf5\x00\x01\x02\x03");
        assert_eq!(Greeting::welcome(7), *b"gi\x00\xf5\x00\x07\x00\x00");
        let refusal = Refusal {
            reason: RefusalReason::Version,
            speaks: Hello { lowest: 2, highest: 3 },
            text: "too old".to_owned(),
        };
        assert_eq!(refusal.to_bytes(), b"gi\x00\xf5\x00\x00\x00\x01\x00\x02\x00\x03\x00\x07too old");
    }

    #[test]
    fn what_is_written_reads_back() {
        let hello = Hello { lowest: 3, highest: 9 };
        assert_eq!(Hello::from_bytes(hello.to_bytes()), Ok(hello));
        assert_eq!(Greeting::from_bytes(Greeting::welcome(4)), Ok(Greeting::Welcome { version: 4 }));
        let reason = RefusalReason::Denied;
        let bytes = Refusal { reason, speaks: hello, text: "é".repeat(400) }.to_bytes();
        let (fixed, rest) = bytes.split_first_chunk().unwrap();
        assert_eq!(Greeting::from_bytes(*fixed), Ok(Greeting::Refused { reason }));
        let (range, text) = rest.split_first_chunk().unwrap();
        assert_eq!(Refusal::read_range(*range), (hello, 512));
        assert_eq!(std::str::from_utf8(text).unwrap(), "é".repeat(256));
    }

    #[test]
    fn other_protocols_are_told_apart() {
        for bytes in [*b"GET / HT", *b"gi\x00\xf5\x00\x00\x00\x01", *b"gi\x00\xf5\x00\x02\x00\x01"] {
            assert_eq!(Hello::from_bytes(bytes), Err(NotOurs), "{bytes:?}");
        }
    }

    #[test]
    fn the_newest_common_version_is_chosen() {
        let hello = |lowest, highest| Hello { lowest, highest };
        assert_eq!(hello(1, 2).common_version(hello(2, 3)), Some(2));
        assert_eq!(hello(1, 5).common_version(hello(2, 3)), Some(3));
        assert_eq!(hello(1, 1).common_version(hello(2, 3)), None);
        assert_eq!(hello(4, 9).common_version(hello(2, 3)), None);
    }
}
