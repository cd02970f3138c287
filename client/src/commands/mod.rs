//! What each command does: ask the daemon, print the answer.

mod bulk;
mod doctor;
mod exec;
mod guests;
mod issuer;
mod list;
mod original;
mod people;
mod shell;
mod show;
mod status;
mod token;
mod wait;
mod watch;

use guestissuer_client::proto::{Failure, FailureCode};

use crate::cli::{Cli, Command, Format};
use crate::environment::Environment;
use crate::output::Output;
use crate::session::Session;

/// Runs one command.
pub(crate) fn run(cli: Cli, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let is_get = matches!(cli.command, Command::Get(_));
    match output.format {
        Format::Text | Format::Json => {}
        Format::Env | Format::Header | Format::Curl if is_get => {}
        Format::Env | Format::Header | Format::Curl => {
            return Err(Failure::new(FailureCode::Usage, "this command prints text or json only")
                .with_hint("the formats env, header and curl are for gi get"));
        }
    }
    let mut session = Session::new(&cli.global, environment, output)?;
    match cli.command {
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
        Command::Exec(exec) => exec::exec(exec, &mut session, output),
        Command::Watch(watch) => watch::watch(watch, &mut session, output),
        Command::Wait(wait) => wait::wait(wait, &mut session, output),
        Command::Issuer(command) => issuer::run(command, &mut session, environment, output),
        Command::Status => status::status(&mut session, output),
        Command::Doctor => doctor::doctor(&mut session, output),
        Command::Create(create) => original::create(create, &mut session, environment, output),
        Command::Login(login) => original::login(login, &mut session, output),
        Command::Quick(quick) => original::quick(quick, &mut session, environment, output),
        Command::Verify(verify) => original::verify(verify, &mut session, environment, output),
        Command::Completions(completions) => shell::completions(completions),
        Command::Man(man) => shell::man(man, output),
        Command::Stop => status::stop(session, output),
    }
}

fn not_built_yet() -> Failure {
    Failure::new(FailureCode::Internal, "not built yet")
}
