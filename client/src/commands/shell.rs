//! `gi completions` and `gi man`.

use guestissuer_client::proto::Failure;

use crate::cli::{Completions, Man};
use crate::complete;
use crate::output::{Output, print};

pub(super) fn completions(completions: Completions) -> Result<(), Failure> {
    print(complete::script(completions.shell))?;
    Ok(())
}

pub(super) fn man(_man: Man, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
