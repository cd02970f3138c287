//! `gi watch`: a guest's token, and then each new one.

use std::io;
use std::os::fd::AsFd as _;

use guestissuer_client::proto::request::GetToken;
use guestissuer_client::proto::response::Token;
use guestissuer_client::proto::{Failure, UnixTime};

use super::token::{self, warn_of_subject};
use crate::cli::Watch;
use crate::follow::{self, Followed, Follower};
use crate::output::{Flow, Output, print};
use crate::session::Session;

pub(super) fn watch(watch: Watch, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let ask = GetToken {
        guest: watch.guest.into_ref(),
        name: watch.name,
        min_validity_ms: watch.min_validity.map(token::millis),
        force: false,
    };
    let (connection, token, now) = follow::begin(session, &ask)?;
    warn_of_subject(&token.subject, output);
    if show(&token, now, output)? == Flow::Enough {
        return Ok(());
    }
    let mut follower = Follower::new(session, ask, connection, token.issued_at);
    loop {
        match follower.next(Some(io::stdout().as_fd()))? {
            Followed::Token(token, now) => {
                if show(&token, now, output)? == Flow::Enough {
                    return Ok(());
                }
            }
            Followed::Trouble(failure) => output.trouble(&failure),
            Followed::Enough => return Ok(()),
        }
    }
}

fn show(token: &Token, now: UnixTime, output: &Output) -> Result<Flow, Failure> {
    print(&token::formatted(token, now, output.format))
}
