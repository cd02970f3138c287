//! `gi exec`.

use guestissuer_client::proto::Failure;

use crate::cli::Exec;
use crate::output::Output;
use crate::session::Session;

pub(super) fn exec(_exec: Exec, _session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
