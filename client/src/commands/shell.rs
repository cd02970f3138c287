//! `gi completions` and `gi man`.

use guestissuer_client::proto::Failure;

use crate::cli::{Completions, Man};
use crate::output::Output;

pub(super) fn completions(_completions: Completions) -> Result<(), Failure> {
    Err(super::not_built_yet())
}

pub(super) fn man(_man: Man, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
