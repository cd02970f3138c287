//! `gi exec`: a command with a guest's token.
//!
//! Without a token file the command takes gi's place: nothing stands between it and the shell. With one, gi stays
//! beside it, keeps the file fresh, and ends as the command does.

mod child;
mod keeper;
mod token_file;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use guestissuer_client::proto::request::GetToken;
use guestissuer_client::proto::response::Token;
use guestissuer_client::proto::{Failure, FailureCode};

use super::token::{self, warn_of_subject};
use crate::cli::{Exec, Global};
use crate::environment::Environment;
use crate::follow;
use crate::output::Output;
use crate::session::Session;
use token_file::TokenFile;

/// How a command ended that gi stayed beside of.
pub(crate) enum Ended {
    /// It exited with this code.
    Exited(u8),
    /// A signal ended it, and is to end gi too.
    Signalled(i32),
}

/// What shells exit with when a command cannot be run, and when there is none.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

pub(super) fn exec(
    exec: Exec,
    global: &Global,
    environment: &Environment,
    output: &Output,
) -> Result<Ended, Failure> {
    let mut session = Session::new(global, environment, output)?;
    let ask = GetToken {
        guest: exec.guest.into_ref(),
        name: exec.name,
        min_validity_ms: exec.min_validity.map(token::millis),
        force: false,
    };
    let Some(path) = exec.token_file else {
        let token = session.ask(&ask)?.value;
        warn_of_subject(&token.subject, output);
        let mut command = command(&exec.command, &exec.env, &token);
        // Closes the connection. Returns only if there is no such command.
        drop(session);
        return Ok(not_run(&command.exec(), &exec.command, output));
    };
    // What can be wrong with the file is said before anything is minted.
    let mut file = TokenFile::new(&path)?;
    let (watch, token, _) = follow::begin(&mut session, &ask)?;
    warn_of_subject(&token.subject, output);
    // From here on there is a file to remove.
    let mut signals = child::Signals::catch()?;
    file.write(&token.access_token)?;
    let mut child = match command(&exec.command, &exec.env, &token).spawn() {
        Ok(child) => child,
        Err(error) => return Ok(not_run(&error, &exec.command, output)),
    };
    let told = token.issued_at;
    drop(token);
    let keeper = keeper::start(keeper::Errand {
        global: global.clone(),
        environment: environment.clone(),
        ask,
        watch,
        told,
        file,
    });
    let ended = signals.wait_for(&mut child);
    keeper.remove_file(output);
    ended
}

fn command(words: &[OsString], variable: &str, token: &Token) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().map(OsString::as_os_str).unwrap_or_default());
    command.args(words).env(variable, token.access_token.expose());
    command
}

fn not_run(error: &io::Error, words: &[OsString], output: &Output) -> Ended {
    let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let (code, why) = if error.kind() == io::ErrorKind::NotFound {
        (NOT_FOUND, "there is no such command".to_owned())
    } else {
        (CANNOT_RUN, error.to_string())
    };
    let failure = Failure::new(FailureCode::Usage, format!("cannot run {name:?}: {why}"));
    output.failure(&failure);
    Ended::Exited(code)
}
