//! What only Service Apps have: a token of their own, which mints those of their guests.

mod holder;
mod setback;
mod show;
mod stored;
mod token;

pub(super) use holder::{AppHolder, OwnToken};
pub(super) use show::expiring;
