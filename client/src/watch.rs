//! A guest's token, and then each new one, over one kept connection.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use guestissuer_proto::request::GetToken;
use guestissuer_proto::response::Token;
use guestissuer_proto::{Failure, Reply, Request, Response};

use crate::{Answered, Client, Error};

/// A connection over which the daemon tells of each new token of a guest.
#[derive(Debug)]
pub struct Watch {
    client: Client,
}

/// What the daemon told.
#[derive(Debug, Clone)]
pub enum Watched {
    /// A token that is valid for as long as was asked.
    Token(Token),
    /// The daemon is there, and nothing is new.
    Same,
    /// The guest is without a valid token. The daemon goes on trying, unless this is what it told first.
    Failed(Failure),
}

impl Client {
    /// Watches a guest. The first thing told is its token, or why there is none, within `timeout`.
    pub fn watch(mut self, ask: GetToken, timeout: Duration) -> Result<(Watch, Answered<Watched>), Error> {
        let reply = self.call(Request::Watch(ask), timeout)?;
        let first = told(reply)?;
        Ok((Watch { client: self }, first))
    }
}

impl Watch {
    /// Waits for what is told next, for no longer than `timeout`.
    ///
    /// The daemon says something at least every minute; one that is silent for longer does not answer any more.
    pub fn next(&mut self, timeout: Duration) -> Result<Answered<Watched>, Error> {
        told(self.client.next_reply(timeout)?)
    }
}

/// Becomes readable when there is something to be told, or the daemon has gone.
impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.client.as_fd()
    }
}

fn told(reply: Reply) -> Result<Answered<Watched>, Error> {
    let Reply { now, notices, response } = reply;
    let value = match response {
        Response::Token(token) => Watched::Token(token),
        Response::Done => Watched::Same,
        Response::Failed(failure) => Watched::Failed(failure),
        Response::Guests(_)
        | Response::Guest(_)
        | Response::Issuers(_)
        | Response::Issuer(_)
        | Response::IssuerTested(_)
        | Response::Status(_)
        | Response::GuestDetails(_)
        | Response::Invalidated(_)
        | Response::Person(_)
        | Response::Assertion(_)
        | Response::Exchanged(_)
        | Response::SignatureChecked(_)
        | Response::Diagnosis(_)
        | Response::App(_)
        | Response::MigrationPlan(_)
        | Response::Moved(_)
        | Response::MigrationEnd(_)
        | Response::MovedGuests(_)
        | Response::Migrations(_) => return Err(Error::NotOurs),
    };
    Ok(Answered { value, now, notices })
}
