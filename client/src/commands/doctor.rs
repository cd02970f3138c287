//! `gi doctor`.

use guestissuer_client::proto::Failure;

use crate::output::Output;
use crate::session::Session;

pub(super) fn doctor(_session: &mut Session<'_>, _output: &Output) -> Result<(), Failure> {
    Err(super::not_built_yet())
}
