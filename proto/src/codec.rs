//! Messages as bytes. The only file that knows bincode.
//!
//! bincode 2 is pinned and no longer maintained; the golden vectors of this crate are also read by `wincode`,
//! which is maintained and byte-compatible, so that leaving is a change of this file alone.

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::frame::MAX_REPLY;

/// Why a body is not a message, or a message not a body.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not a message of this type, or end too early, or name more than fits in a frame.
    #[error("malformed message")]
    Malformed(#[source] bincode::error::DecodeError),
    /// The message is followed by bytes that are not part of it.
    #[error("{extra} bytes after the message")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// The message cannot be written. Messages of this crate always can, so this is a defect.
    #[error("message cannot be encoded")]
    Unencodable(#[source] bincode::error::EncodeError),
}

/// Writes a message as bytes, which are wiped when dropped because they may hold secrets.
pub fn encode<T: Serialize>(message: &T) -> Result<Zeroizing<Vec<u8>>, CodecError> {
    bincode::serde::encode_to_vec(message, bincode::config::standard())
        .map(Zeroizing::new)
        .map_err(CodecError::Unencodable)
}

/// Reads the one message that `body` holds.
///
/// Never allocates more than a frame may hold, whatever lengths the bytes claim.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<MAX_REPLY>();
    let (message, read) = bincode::serde::decode_from_slice(body, config).map_err(CodecError::Malformed)?;
    match body.len() - read {
        0 => Ok(message),
        extra => Err(CodecError::Trailing { extra }),
    }
}
