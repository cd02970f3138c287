//! What `gi` and `guestissuerd` say to each other.
//!
//! This crate owns the words of the conversation and how they are written as bytes. It does no I/O, reads no
//! clock and no environment, and knows nothing of tokio, HTTP or databases.
//!
//! A conversation, after the socket is connected:
//!
//! 1. The client writes a [`Hello`](hello::Hello) (which protocol versions it speaks) and, without waiting, a
//!    frame with its first [`Call`] in the highest of them.
//! 2. The daemon writes a [`Greeting`](hello::Greeting): the version it chose, or a refusal that every version
//!    can read. If it chose a lower version than the client's highest, the first call is not looked at and the
//!    client sends it again in the chosen version.
//! 3. The daemon answers each call with one frame that holds a [`Reply`], in order.
//!
//! The greeting never changes. Within a version, messages only grow at the end: new variants, never new fields.

pub mod app;
pub mod codec;
pub mod direct;
pub mod duration;
pub mod failure;
pub mod frame;
pub mod hello;
pub mod migration;
pub mod names;
pub mod paths;
pub mod request;
pub mod response;
pub mod secret;
pub mod time;

pub use duration::Span;
pub use failure::{Failure, FailureCode};
pub use names::{DisplayName, IssuerName, Subject};
pub use request::{Call, Request};
pub use response::{Reply, Response};
pub use secret::Secret;
pub use time::UnixTime;

/// The oldest protocol version this build speaks.
pub const LOWEST_VERSION: u16 = 1;
/// The newest protocol version this build speaks.
pub const HIGHEST_VERSION: u16 = 1;

#[cfg(test)]
mod golden;
