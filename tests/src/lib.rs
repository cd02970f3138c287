//! Harness of the end-to-end tests: real programs, real sockets, real files, each test in a directory of its own.
//!
//! Nothing here waits for time. Readiness comes through `NOTIFY_SOCKET`, what happens at Webex through the sandbox's
//! long poll, and what happens in the daemon through its log.

pub mod daemon;
pub mod gi;
pub mod programs;
pub mod python;
pub mod sandbox;
pub mod terminal;
pub mod tidy;
pub mod world;

pub use daemon::Daemon;
pub use gi::{Gi, Outcome};
pub use sandbox::Sandbox;
pub use world::World;

use std::time::Duration;

/// How long anything may take before a test gives up on it. Generous: it is only ever reached by a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);
