//! `gi wait`.

use guestissuer_client::proto::Failure;

use crate::cli::Wait;
use crate::output::Output;
use crate::session::Session;

pub(super) fn wait(_wait: Wait, _session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
