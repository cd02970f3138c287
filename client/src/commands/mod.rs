//! What each command does: ask the daemon, print the answer.

mod bulk;
mod crew;
mod doctor;
mod exec;
mod guests;
mod issuer;
mod list;
mod moves;
mod original;
mod people;
mod shell;
mod show;
mod status;
mod token;
mod wait;
mod watch;

use guestissuer_client::proto::{Failure, FailureCode};

pub(crate) use original::{NO_ISSUER, NO_SECRET};

use crate::cli::{Cli, Command, Format, Original, OriginalCommand};
use crate::environment::Environment;
use crate::output::Output;
use crate::session::Session;

pub(crate) use exec::Ended;

/// Runs one command. It ends as another command did, or simply well.
pub(crate) fn run(cli: Cli, environment: &Environment, output: &Output) -> Result<Option<Ended>, Failure> {
    let prints_tokens = matches!(cli.command, Command::Get(_) | Command::Watch(_));
    match output.format {
        Format::Text | Format::Json => {}
        Format::Env | Format::Header | Format::Curl if prints_tokens => {}
        Format::Env | Format::Header | Format::Curl => {
            return Err(Failure::new(FailureCode::Usage, "this command prints text or json only")
                .with_hint("the formats env, header and curl are for gi get and gi watch"));
        }
    }
    let mut session = Session::new(&cli.global, environment, output)?;
    let done = match cli.command {
        Command::Get(get) => token::get(get, &mut session, output),
        Command::List(list) => list::list(list, &mut session, output),
        Command::Show(guest) => show::show(guest, &mut session, output),
        Command::Add(add) => guests::add(add, &mut session, output),
        Command::Rename(rename) => guests::rename(rename, &mut session, output),
        Command::Pin(guest) => guests::pin(guest, true, &mut session, output),
        Command::Unpin(guest) => guests::pin(guest, false, &mut session, output),
        Command::Remove(remove) => guests::remove(remove, &mut session, output),
        Command::Invalidate(invalidate) => token::invalidate(invalidate, &mut session, output),
        Command::Whoami(guest) => people::whoami(guest, &mut session, output),
        Command::Exec(exec) => return exec::exec(exec, &cli.global, environment, output).map(Some),
        Command::Watch(watch) => watch::watch(watch, &mut session, output),
        Command::Wait(wait) => wait::wait(wait, &mut session, output),
        Command::Issuer(command) => issuer::run(command, &mut session, environment, output),
        Command::Status => status::status(&mut session, output),
        Command::Doctor => doctor::doctor(&session, environment, output),
        Command::Create(create) => original::create(create, &mut session, environment, output),
        Command::Login(login) => original::login(login, &mut session, output),
        Command::Quick(quick) => original::quick(quick, &mut session, environment, output),
        Command::Verify(verify) => original::verify(verify, &mut session, environment, output),
        Command::Completions(completions) => shell::completions(&completions),
        Command::Man(man) => shell::man(man, output),
        Command::Stop => status::stop(session, output),
    };
    done.map(|()| None)
}

/// Runs one command of the original.
pub(crate) fn run_original(
    original: Original,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let mut session = Session::new(&original.global, environment, output)?;
    match original.command {
        OriginalCommand::Create(create) => original::create(create, &mut session, environment, output),
        OriginalCommand::Login(login) => original::login(login, &mut session, output),
        OriginalCommand::Quick(quick) => original::quick(quick, &mut session, environment, output),
        OriginalCommand::Verify(verify) => original::verify(verify, &mut session, environment, output),
    }
}
