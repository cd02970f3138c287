//! Keeps the token file fresh in a thread of its own, so that a slow daemon holds up neither signals nor the end.

use std::sync::{Arc, Mutex, PoisonError};

use guestissuer_client::Watch;
use guestissuer_client::proto::UnixTime;
use guestissuer_client::proto::request::GetToken;

use super::token_file::TokenFile;
use crate::cli::{Format, Global};
use crate::environment::Environment;
use crate::follow::{Followed, Follower};
use crate::output::{Output, Program};
use crate::session::Session;

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
        let Ok(mut session) = Session::new(&global, &environment, &output) else { return };
        let mut follower = Follower::new(&mut session, ask, watch, told);
        loop {
            match follower.next(None) {
                Ok(Followed::Token(token, _)) => {
                    let mut file = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    // Nobody needs it any more.
                    let Some(file) = &mut *file else { return };
                    if let Err(failure) = file.write(&token.access_token) {
                        output.trouble(&failure);
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

impl Keeper {
    /// Removes the file; the thread makes no new one.
    pub(super) fn remove_file(self, output: &Output) {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(failure)) = file.map(TokenFile::remove) {
            output.trouble(&failure);
        }
    }
}
