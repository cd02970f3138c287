//! `gi create`, `login`, `quick` and `verify`: what the original guestissuer does.

use guestissuer_client::proto::Failure;

use crate::cli::{Create, Login, Quick, Verify};
use crate::environment::Environment;
use crate::output::Output;
use crate::session::Session;

pub(super) fn create(
    _create: Create,
    _session: &mut Session<'_>,
    _environment: &Environment,
    _output: &Output,
) -> Result<(), Failure> {
    Err(super::not_built_yet())
}

pub(super) fn login(_login: Login, _session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}

pub(super) fn quick(
    _quick: Quick,
    _session: &mut Session<'_>,
    _environment: &Environment,
    _output: &Output,
) -> Result<(), Failure> {
    Err(super::not_built_yet())
}

pub(super) fn verify(
    _verify: Verify,
    _session: &mut Session<'_>,
    _environment: &Environment,
    _output: &Output,
) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
