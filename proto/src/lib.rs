//! What `gi` and `guestissuerd` say to each other.
//!
//! This crate owns the words of the conversation and how they are written as bytes. It does no I/O, reads no
//! clock and no environment, and knows nothing of tokio, HTTP or databases.

pub mod duration;

pub use duration::Span;
