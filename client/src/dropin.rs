//! gi in the place of the original: called as `guestissuer`, it understands what the original understood, prints the
//! same, and knows the exit codes 0 and 1 only.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use guestissuer_client::proto::{Failure, FailureCode};

use crate::cli::{Format, Original};
use crate::commands::{self, NO_ISSUER, NO_SECRET};
use crate::environment::Environment;
use crate::output::{self, Output, Program};

/// What is done where no command is named.
const DEFAULT_COMMAND: &str = "quick";

/// The original's commands.
const COMMANDS: [&str; 4] = ["create", "login", DEFAULT_COMMAND, "verify"];

/// The options whose next word belongs to them.
const WITH_VALUE: [&str; 8] =
    ["--issuer", "--secret", "--delay", "--api-base", "--socket", "--timeout", "--output", "--color"];
const SHORT_WITH_VALUE: [u8; 4] = *b"isdo";

/// Whether this process was called by the original's name.
pub(crate) fn is_meant() -> bool {
    let name = std::env::args_os().next();
    name.is_some_and(|name| Path::new(&name).file_name() == Some(OsStr::new(Program::Guestissuer.name())))
}

/// Runs as the original.
pub(crate) fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.is_empty() {
        output::say(Original::command().render_help().to_string().trim_end());
        return ExitCode::FAILURE;
    }
    let name = OsString::from(Program::Guestissuer.name());
    let original = match Original::try_parse_from(std::iter::once(name).chain(arrange(words))) {
        Ok(original) => original,
        Err(error) if error.use_stderr() => {
            output::misunderstood(&error, Program::Guestissuer);
            return ExitCode::FAILURE;
        }
        Err(error) => return output::usage(&error),
    };
    let environment = Environment::read();
    let output = Output::new(&original.global, &environment, Program::Guestissuer);
    match dispatch(original, &environment, &output) {
        Ok(()) => output.success(),
        Err(failure) => {
            output.complain(&failure, &in_the_original_s_words(&failure));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(original: Original, environment: &Environment, output: &Output) -> Result<(), Failure> {
    match output.format {
        Format::Text | Format::Json => commands::run_original(original, environment, output),
        Format::Env | Format::Header | Format::Curl => {
            Err(Failure::new(FailureCode::Usage, "guestissuer prints text or json only"))
        }
    }
}

/// Puts the command first, wherever it was, and the default one where there is none.
fn arrange(mut words: Vec<OsString>) -> Vec<OsString> {
    match first_word(&words) {
        Some(at) if COMMANDS.iter().any(|command| words.get(at).is_some_and(|word| word == command)) => {
            let command = words.remove(at);
            words.insert(0, command);
        }
        None if asks_about_program(&words) => {}
        _ => words.insert(0, DEFAULT_COMMAND.into()),
    }
    words
}

/// Where the first word is that is neither an option nor an option's value.
fn first_word(words: &[OsString]) -> Option<usize> {
    let mut belongs_to_option = false;
    for (at, word) in words.iter().enumerate() {
        if std::mem::take(&mut belongs_to_option) {
            continue;
        }
        match word.as_encoded_bytes() {
            // After this, no word is a command any more.
            b"--" => return None,
            [b'-', b'-', ..] => belongs_to_option = WITH_VALUE.iter().any(|option| word == option),
            [b'-', letters @ ..] if !letters.is_empty() => {
                // The first letter that takes a value has the rest of the word for it, or else the next word.
                let taker = letters.iter().position(|letter| SHORT_WITH_VALUE.contains(letter));
                belongs_to_option = taker == Some(letters.len() - 1);
            }
            _ => return Some(at),
        }
    }
    None
}

/// Whether only the help or the version is wanted.
fn asks_about_program(words: &[OsString]) -> bool {
    let questions = ["-h", "--help", "-V", "--version"];
    words.iter().any(|word| questions.iter().any(|question| word == question))
}

/// A failure as the original told it, where it did; the hint says more than it knew.
fn in_the_original_s_words(failure: &Failure) -> String {
    let message = failure.message.as_str();
    match message {
        NO_ISSUER => {
            return format!(
                "{NO_ISSUER}, exiting...\nplease specify either via an ISSUER env variable, or the -i option"
            );
        }
        NO_SECRET => {
            return format!(
                "{NO_SECRET}, exiting...\nplease specify either via a SECRET env variable, or the -s option"
            );
        }
        _ => {}
    }
    let mut words = match message.strip_prefix("invalid Guest token") {
        Some(rest) => format!("Invalid Guest token{rest}"),
        None => message.to_owned(),
    };
    if message.starts_with("failed to generate an access token") {
        words.push_str("\nexiting...");
    }
    match output::hint(failure) {
        Some(hint) => format!("{words}\nhint: {hint}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(words: &str) -> String {
        let words = arrange(words.split_whitespace().map(OsString::from).collect());
        words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_command_may_be_anywhere_and_quick_is_meant_where_there_is_none() {
        let table = [
            ("create 1 Ann", "create 1 Ann"),
            ("-i X create 1 Ann -s Y", "create -i X 1 Ann -s Y"),
            ("--issuer=X -sY verify T", "verify --issuer=X -sY T"),
            ("1 Ann -i X", "quick 1 Ann -i X"),
            ("-i X -s Y 1 Ann", "quick -i X -s Y 1 Ann"),
            ("-i create 1 Ann", "quick -i create 1 Ann"),
            ("-qi create 1 Ann", "quick -qi create 1 Ann"),
            ("-iX create 1 Ann", "create -iX 1 Ann"),
            ("-q --timeout 5s login -", "login -q --timeout 5s -"),
            ("1 create", "quick 1 create"),
            ("-- create Ann", "quick -- create Ann"),
            ("-q", "quick -q"),
            ("--help", "--help"),
            ("-V", "-V"),
            ("login --help", "login --help"),
            ("- 1", "quick - 1"),
        ];
        for (typed, expected) in table {
            assert_eq!(arranged(typed), expected, "{typed}");
        }
    }

    /// The list of options with a value is held against what clap knows, so that a new one is not forgotten.
    #[test]
    fn every_option_with_a_value_is_known_here() {
        let mut command = Original::command();
        command.build();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            let takes_value = |argument: &&clap::Arg| argument.get_action().takes_values();
            for argument in command.get_opts().filter(takes_value) {
                let long = format!("--{}", argument.get_long().unwrap());
                assert!(WITH_VALUE.contains(&long.as_str()), "{long}");
                let short = argument.get_short().and_then(|short| u8::try_from(short).ok());
                assert!(short.is_none_or(|short| SHORT_WITH_VALUE.contains(&short)), "{long}");
            }
        }
    }
}
