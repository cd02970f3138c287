//! What the daemon is about, as plain values: no I/O, no clock but the trait of one, nothing asynchronous.

pub mod credential;
pub mod gate;
pub mod guest;
pub mod policy;
pub mod time;
