//! `gi whoami`.

use guestissuer_client::proto::Failure;

use crate::cli::Guest;
use crate::output::Output;
use crate::session::Session;

pub(super) fn whoami(_guest: Guest, _session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
