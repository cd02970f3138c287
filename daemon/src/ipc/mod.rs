//! The local socket: who may talk, how, and for how long. Knows the broker, and nothing behind it.

mod connection;
mod handler;
mod listener;

pub use handler::Handler;
pub use listener::{BindError, Listener};
