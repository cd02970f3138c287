//! How a message is delimited: four bytes of length, most significant first, then the body.

/// The longest body of a call, in bytes. The largest call stores an issuer's credentials, a few kilobytes.
pub const MAX_CALL: usize = 64 * 1024;

/// The longest body of a reply, in bytes. The largest reply is a page of guests: [`MAX_PAGE`](crate::request::MAX_PAGE)
/// of them, each with a subject of 255 bytes, a name of 1,020 and an error of a kilobyte.
pub const MAX_REPLY: usize = 1024 * 1024;

/// Length of what precedes a body.
pub const HEADER: usize = 4;

/// Why a frame is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The body is longer than the limit of its direction.
    #[error("frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Bytes announced or given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A body has at least one byte.
    #[error("empty frame")]
    Empty,
}

/// Reads the length of a body from the bytes before it, before anything is allocated.
pub fn body_length(header: [u8; HEADER], limit: usize) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if length == 0 {
        return Err(FrameError::Empty);
    }
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    Ok(length)
}

/// Writes the bytes that go before a body of `length` bytes.
pub fn header(length: usize, limit: usize) -> Result<[u8; HEADER], FrameError> {
    let header = u32::try_from(length).map_err(|_| FrameError::TooLong { length, limit })?.to_be_bytes();
    body_length(header, limit)?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_over_the_limit_is_refused_before_it_is_allocated() {
        assert_eq!(body_length([0, 0, 0, 5], 5), Ok(5));
        assert_eq!(body_length([0, 0, 0, 6], 5), Err(FrameError::TooLong { length: 6, limit: 5 }));
        assert!(body_length([0xff; 4], MAX_REPLY).is_err());
        assert_eq!(body_length([0; 4], 5), Err(FrameError::Empty));
    }

    #[test]
    fn a_written_header_reads_back() {
        assert_eq!(body_length(header(300, MAX_CALL).unwrap(), MAX_CALL), Ok(300));
        assert!(header(MAX_CALL + 1, MAX_CALL).is_err());
        assert_eq!(header(0, MAX_CALL), Err(FrameError::Empty));
    }
}
