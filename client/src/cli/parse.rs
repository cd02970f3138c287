//! From what was typed to a [`Cli`], and the definitions as people and man pages see them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::mem::ManuallyDrop;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Subcommand as _};

use super::{Cli, Command, Global};

/// The commands as `gi --help` groups them.
pub(crate) const GROUPS: [(&str, &[&str]); 5] = [
    ("Use tokens", &["get", "exec", "watch", "wait"]),
    ("Manage guests", &["list", "show", "add", "rename", "pin", "unpin", "remove", "invalidate", "whoami"]),
    ("Manage issuers and the daemon", &["issuer", "status", "doctor", "stop"]),
    ("As the original guestissuer", &["create", "login", "quick", "verify"]),
    ("Set up the shell", &["completions", "man"]),
];

/// Room for the longest name of a command.
const NAME_WIDTH: usize = 12;

/// The command line as it was typed, the name of the program first.
pub(crate) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    if let Some(cli) = parse_one_command(words) {
        return Ok(cli);
    }
    let mut command = ManuallyDrop::new(definition());
    let mut matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// All definitions.
pub(crate) fn definition() -> clap::Command {
    let command = Cli::command();
    let template = help_template(&command);
    command.help_template(template)
}

/// The command line, if it begins with a command and there is nothing wrong with it.
///
/// Clap gives each command a copy of each global option, which would be a third of all that `gi get` does. So only the
/// command that is used is defined. What is wrong is left to the full definitions, which explain it better.
///
/// Nothing is taken apart again: the process ends soon, and that would be a tenth of its time.
fn parse_one_command(words: &[OsString]) -> Option<Cli> {
    let commands = ManuallyDrop::new(Command::augment_subcommands(clap::Command::new("gi")));
    let used = commands.find_subcommand(words.get(1)?)?.clone();
    let mut command = ManuallyDrop::new(Global::augment_args(clap::Command::new("gi")).subcommand(used));
    let mut matches = ManuallyDrop::new(command.try_get_matches_from_mut(words).ok()?);
    Cli::from_arg_matches_mut(&mut matches).ok()
}

/// Clap can group options, but not commands.
fn help_template(command: &clap::Command) -> String {
    let styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n\n".to_owned();
    for (heading, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{header}{heading}:{header:#}");
        for command in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let (name, about) = (command.get_name(), command.get_about().cloned().unwrap_or_default());
            let _ = writeln!(text, "  {literal}{name:<NAME_WIDTH$}{literal:#} {about}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{header}Global options:{header:#}");
    text + "{options}{after-help}"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_definitions_hold_together() {
        definition().debug_assert();
        crate::cli::Original::command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let definition = definition();
        let mut defined: Vec<_> = definition.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        defined.sort_unstable();
        assert_eq!(grouped, defined);
        assert!(defined.iter().all(|name| name.len() < NAME_WIDTH));
    }

    /// The documentation of a struct of arguments would take the place of the command's own sentence.
    #[test]
    fn what_a_command_does_is_said_the_same_in_the_list_and_in_its_own_help() {
        fn check(listed: &clap::Command, built: &clap::Command) {
            for command in listed.get_subcommands() {
                let name = command.get_name();
                let own = built.find_subcommand(name).unwrap();
                let sentence = |command: &clap::Command| command.get_about().map(ToString::to_string);
                assert!(sentence(command).is_some(), "{name}");
                assert_eq!(sentence(command), sentence(own), "{name}");
                assert_eq!(own.get_long_about().map(ToString::to_string), None, "{name}");
            }
        }
        let mut built = definition();
        built.build();
        check(&definition(), &built);
        let issuer = super::super::IssuerCommand::augment_subcommands(clap::Command::new("issuer"));
        check(&issuer, built.find_subcommand("issuer").unwrap());
    }

    #[test]
    fn one_command_is_understood_as_with_all_definitions() {
        for line in ["gi get 1", "gi get 1 -q", "gi issuer list -o json", "gi exec 1 -- get 2", "gi get list"]
        {
            assert!(parse_one_command(&words(line)).is_some(), "{line}");
            assert!(definition().try_get_matches_from(words(line)).is_ok(), "{line}");
        }
        for line in
            ["gi", "gi -q get 1", "gi get", "gi get 1 --nme A", "gi gte 1", "gi get --help", "gi issuer"]
        {
            assert!(parse_one_command(&words(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn help_fits_eighty_columns() {
        fn check(command: &mut clap::Command) {
            let name = command.get_name().to_owned();
            let mut narrow = command.clone().term_width(80);
            for help in [narrow.render_help(), narrow.render_long_help()] {
                for line in help.to_string().lines() {
                    assert!(line.chars().count() <= 80, "{name}: {line}");
                }
            }
            // What stands at the end would be broken in the wrong places.
            let end = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in end.split("\n\n").skip_while(|part| !part.contains("\n  ")).flat_map(str::lines) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            command.get_subcommands_mut().for_each(check);
        }
        let mut command = definition();
        command.build();
        check(&mut command);
    }
}
