//! What each argument may be. It is told by the type of the argument's value, so that a new command's guests and issuers
//! are completed without being mentioned here.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _};
use guestissuer_client::proto::{IssuerName, Subject};

use super::Typed;
use super::live::Live;
use crate::environment;

/// Commands whose guest or issuer is a new one, or need not be known.
const OF_NEW_NAMES: [&str; 3] = ["add", "create", "quick"];

/// The definitions, whole, and with what their arguments may be.
pub(super) fn attach(mut command: Command, typed: Typed) -> Command {
    command.build();
    let typed = Arc::new(typed);
    attach_to(command, &typed, &Arc::new(Live::new(&typed)))
}

fn attach_to(command: Command, typed: &Arc<Typed>, live: &Arc<Live>) -> Command {
    let takes_new_names = OF_NEW_NAMES.contains(&command.get_name());
    command
        .mut_args(|arg| attach_to_arg(arg, takes_new_names, typed, live))
        .mut_subcommands(|command| attach_to(command, typed, live))
}

fn attach_to_arg(arg: Arg, takes_new_names: bool, typed: &Arc<Typed>, live: &Arc<Live>) -> Arg {
    let value = arg.get_value_parser().type_id();
    let is_new = takes_new_names && arg.is_positional();
    if value == TypeId::of::<Subject>() && !is_new {
        let (live, typed) = (Arc::clone(live), Arc::clone(typed));
        let several = arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        return arg.add(ArgValueCompleter::new(move |prefix: &OsStr| {
            let mut guests = live.guests(prefix).unwrap_or_default();
            // Nobody names a guest twice.
            guests.retain(|guest| !several || typed.before.iter().all(|word| word != guest.get_value()));
            guests
        }));
    }
    let is_issuer = value == TypeId::of::<IssuerName>() || arg.get_long() == Some("issuer");
    if is_issuer && !is_new {
        let live = Arc::clone(live);
        return arg
            .add(ArgValueCompleter::new(move |prefix: &OsStr| live.issuers(prefix).unwrap_or_default()));
    }
    if arg.get_value_hint() == ValueHint::CommandName {
        let typed = Arc::clone(typed);
        return arg.add(ArgValueCompleter::new(move |prefix: &OsStr| command_and_arguments(prefix, &typed)));
    }
    arg
}

/// The command that `gi exec` is to run, and after it the files it may be about.
fn command_and_arguments(prefix: &OsStr, typed: &Typed) -> Vec<CompletionCandidate> {
    match typed.before.iter().position(|word| word == "--") {
        None => vec![CompletionCandidate::new("--").help(Some("the command follows".into()))],
        Some(at) if at + 1 < typed.before.len() => PathCompleter::any().complete(prefix),
        Some(_) if prefix.as_encoded_bytes().contains(&b'/') => {
            PathCompleter::any().filter(is_executable).complete(prefix)
        }
        Some(_) => commands(prefix),
    }
}

fn commands(prefix: &OsStr) -> Vec<CompletionCandidate> {
    let files =
        environment::search_path().into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let found: BTreeSet<_> = files
        .filter_map(Result::ok)
        .filter(|file| file.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()))
        .filter(|file| is_executable(&file.path()))
        .map(|file| file.file_name())
        .collect();
    found.into_iter().map(CompletionCandidate::new).collect()
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
