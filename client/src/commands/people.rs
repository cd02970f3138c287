//! `gi whoami`: who Webex says that a guest is.

use guestissuer_client::WhoAmI;
use guestissuer_client::proto::Failure;

use crate::cli::{Format, Guest};
use crate::output::{Output, json, person, print};
use crate::session::Session;

pub(super) fn whoami(guest: Guest, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let answered = session.ask(&WhoAmI(guest.into_ref()))?;
    let text = match output.format {
        Format::Json => json::line(&person::json(&answered.value)),
        Format::Text | Format::Env | Format::Header | Format::Curl => person::text(&answered.value),
    };
    print(&text)?;
    Ok(())
}
