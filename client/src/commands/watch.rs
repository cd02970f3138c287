//! `gi watch`.

use guestissuer_client::proto::Failure;

use crate::cli::Watch;
use crate::output::Output;
use crate::session::Session;

pub(super) fn watch(_watch: Watch, _session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
