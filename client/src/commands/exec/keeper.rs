//! Keeps the token file fresh in a thread of its own, so that a slow daemon holds up neither signals nor the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use guestissuer_client::Watch;
use guestissuer_client::proto::request::GetToken;
use guestissuer_client::proto::{Secret, UnixTime};

use super::token_file::TokenFile;
use crate::cli::{Format, Global};
use crate::environment::Environment;
use crate::follow::{Followed, Follower, pause};
use crate::output::{Output, Program};
use crate::session::Session;

/// How long is waited until a token that could not be written is written again.
const RETRY: Duration = Duration::from_secs(2);

/// What the thread needs.
pub(super) struct Errand {
    pub(super) global: Global,
    pub(super) environment: Environment,
    pub(super) ask: GetToken,
    pub(super) watch: Watch,
    /// When the token was minted that the file holds.
    pub(super) told: UnixTime,
    pub(super) file: TokenFile,
}

/// The other end of the thread. It is not waited for: it may be in the middle of a call.
pub(super) struct Keeper(Arc<Mutex<Option<TokenFile>>>);

pub(super) fn start(errand: Errand) -> Keeper {
    let Errand { mut global, environment, ask, watch, told, file } = errand;
    let file = Arc::new(Mutex::new(Some(file)));
    let shared = Arc::clone(&file);
    std::thread::spawn(move || {
        // What is said while the command runs is for people.
        global.output = Format::Text;
        let output = Output::new(&global, &environment, Program::Gi);
        let Ok(session) = Session::new(&global, &environment, &output) else { return };
        // The terminal is the command's.
        let mut session = session.without_waits();
        let mut follower = Follower::new(&mut session, ask, watch, told);
        loop {
            match follower.next(None) {
                Ok(Followed::Token(token, _)) => {
                    if keep(&shared, &token.access_token, &output) == Kept::NotNeeded {
                        return;
                    }
                }
                Ok(Followed::Trouble(failure)) => output.trouble(&failure),
                Ok(Followed::Enough) => return,
                Err(failure) => {
                    output.trouble(&failure);
                    output.warning("the token is not renewed any more");
                    return;
                }
            }
        }
    });
    Keeper(file)
}

#[derive(PartialEq, Eq)]
enum Kept {
    Written,
    NotNeeded,
}

/// Writes the token until that works or nobody needs it any more: a disk that is full does not stay so.
fn keep(file: &Mutex<Option<TokenFile>>, token: &Secret, output: &Output) -> Kept {
    let mut has_told = false;
    loop {
        let written = {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(file) = &mut *file else { return Kept::NotNeeded };
            file.write(token)
        };
        let Err(failure) = written else { return Kept::Written };
        if !std::mem::replace(&mut has_told, true) {
            output.trouble(&failure);
        }
        // That waiting fails too changes nothing.
        drop(pause(RETRY));
    }
}

impl Keeper {
    /// Removes the file; the thread makes no new one.
    pub(super) fn remove_file(self, output: &Output) {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(failure)) = file.map(TokenFile::remove) {
            output.trouble(&failure);
        }
    }
}
