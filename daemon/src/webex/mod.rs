//! Webex: what is sent, what comes back, and what it means.
//!
//! Nothing here decides when to send; that is the broker's.

pub mod assertion;
pub mod base;
mod client;
mod error;
mod kind;
mod people;
mod probe;
pub mod proxy;
mod retry_after;

pub use client::{Timeouts, Webex, WebexSetupError};
pub use error::{AppRefusal, Malformed, MintError, Said, Scope, Unusable};
pub use kind::service_app::Grant;
pub use kind::{AppCredentials, IssuerAccess, MintRequest, Minted, Proof, is_sendable};
pub use probe::Reached;
pub use retry_after::LONGEST_WAIT;
