//! Completion: what may come next on a line that somebody is typing.
//!
//! The script that `gi completions` prints has the shell run `COMPLETE=<shell> gi -- ...` for every press of the Tab
//! key. What follows `--` is the words up to the cursor, the one that is being typed last; for bash, it is the line up to
//! the cursor as it was typed, and what bash takes for the last word. Each line of the answer is a candidate and, after
//! a tabulator, what it is.
//!
//! Nobody who presses Tab wants to wait or to read an error: what is not known within a moment is left out.

mod bash;
mod candidates;
mod live;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum as _;
use clap_complete::CompletionCandidate;
use clap_complete::engine::complete;

use crate::cli::{Shell, definition};
use crate::{environment, output};

/// The script that teaches a shell to ask gi.
pub(crate) const fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("scripts/gi.bash"),
        Shell::Zsh => include_str!("scripts/gi.zsh"),
        Shell::Fish => include_str!("scripts/gi.fish"),
        Shell::Elvish => include_str!("scripts/gi.elv"),
        Shell::Powershell => include_str!("scripts/gi.ps1"),
    }
}

/// Answers a shell, if it is one that asks. No other run of gi begins with `--`, so none pays for looking.
pub(crate) fn answer(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, escape, typed @ ..] = arguments else { return None };
    if escape != "--" {
        return None;
    }
    let shell = Shell::from_str(&environment::shell_that_completes()?, false).ok()?;
    // A shell that has gone away wants no answer.
    let _ = output::print(&lines(shell, typed).unwrap_or_default());
    Some(ExitCode::SUCCESS)
}

/// The words that are complete, and the one that is being typed.
struct Typed {
    before: Vec<OsString>,
    current: OsString,
}

impl Typed {
    fn new(mut words: Vec<OsString>) -> Option<Self> {
        let current = words.pop()?;
        Some(Self { before: words, current })
    }

    /// The value of the last option of this name, as `--name value` or `--name=value`.
    fn option(&self, name: &str) -> Option<OsString> {
        let mut words = self.before.iter().take_while(|word| *word != "--");
        let mut value = None;
        while let Some(word) = words.next() {
            if word == name {
                value = words.next().cloned().or(value);
            } else if let Some((option, given)) = word.to_str().and_then(|word| word.split_once('='))
                && option == name
            {
                value = Some(given.into());
            }
        }
        value
    }

    fn socket(&self) -> Option<PathBuf> {
        self.option("--socket").map(PathBuf::from)
    }
}

fn lines(shell: Shell, typed: &[OsString]) -> Option<String> {
    let written = |words: &[OsString], write: fn(&str, Option<&str>) -> String| {
        let found = found(Typed::new(words.to_vec())?)?;
        Some(found.iter().map(|(value, help)| write(value, help.as_deref()) + "\n").collect())
    };
    match shell {
        Shell::Bash => {
            let [line, word] = typed else { return None };
            let line = bash::Line::split(line.to_str()?, word.to_str()?);
            let found = found(Typed::new(line.words())?)?;
            Some(found.iter().filter_map(|(value, _)| line.insert(value)).map(|text| text + "\n").collect())
        }
        Shell::Zsh => written(typed, |value, help| {
            // The way `_describe` wants it.
            let value = value.replace('\\', "\\\\").replace(':', "\\:");
            help.map_or(value.clone(), |help| format!("{value}:{}", help.replace('\\', "\\\\")))
        }),
        Shell::Fish | Shell::Elvish | Shell::Powershell => {
            written(typed, |value, help| help.map_or(value.to_owned(), |help| format!("{value}\t{help}")))
        }
    }
}

/// The candidates and what they are.
fn found(typed: Typed) -> Option<Vec<(String, Option<String>)>> {
    let mut words = typed.before.clone();
    words.push(typed.current.clone());
    let current = typed.current.clone();
    let mut command = candidates::attach(definition(), typed);
    let index = words.len().checked_sub(1)?;
    let directory = std::env::current_dir().ok();
    let mut found = complete(&mut command, words, index, directory.as_deref()).ok()?;
    // Options are offered to those who type one, and where nothing else can follow.
    let is_option = |candidate: &CompletionCandidate| starts_with_hyphen(candidate.get_value());
    if !starts_with_hyphen(&current) && !found.iter().all(is_option) {
        found.retain(|candidate| !is_option(candidate));
    }
    let line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let text = |candidate: &CompletionCandidate| {
        let help = candidate.get_help().map(|help| line(help.to_string()));
        Some((candidate.get_value().to_str()?.to_owned(), help.filter(|help| !help.is_empty())))
    };
    // A file can be called anything, but a line is one candidate.
    let is_line = |(value, _): &(String, _)| !value.chars().any(char::is_control);
    Some(found.iter().filter_map(text).filter(is_line).collect())
}

fn starts_with_hyphen(text: &OsStr) -> bool {
    text.as_encoded_bytes().first() == Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Typed {
        Typed::new(line.split(' ').map(OsString::from).collect()).unwrap()
    }

    fn values(line: &str) -> Vec<String> {
        found(typed(line)).unwrap().into_iter().map(|(value, _)| value).collect()
    }

    #[test]
    fn the_last_option_counts_however_it_is_written() {
        for (line, issuer) in [
            ("gi get --issuer a ", Some("a")),
            ("gi get --issuer=a ", Some("a")),
            ("gi --issuer a get --issuer=b=c ", Some("b=c")),
            ("gi get --issuer ", None),
            ("gi get -- --issuer a ", None),
        ] {
            assert_eq!(typed(line).option("--issuer").as_deref(), issuer.map(OsStr::new), "{line}");
        }
    }

    #[test]
    fn commands_options_and_their_values_are_offered() {
        assert_eq!(values("gi re"), ["rename", "remove"]);
        assert_eq!(values("gi issuer de"), ["default"]);
        assert_eq!(values("gi list --fai"), ["--failing"]);
        assert_eq!(values("gi get 1 --output=he"), ["--output=header"]);
        assert_eq!(values("gi completions z"), ["zsh"]);
        assert!(values("gi status ").contains(&"--output".to_owned()));
        assert!(values("gi ").iter().all(|value| !value.starts_with('-')));
    }

    #[test]
    fn the_command_of_exec_comes_after_two_hyphens() {
        assert!(values("gi exec 1 ").contains(&"--".to_owned()));
        assert!(values("gi exec 1 -- s").contains(&"sh".to_owned()));
        assert!(values("gi exec 1 -- /bin/s").contains(&"/bin/sh".to_owned()));
        assert!(values("gi exec 1 -- sh sr").contains(&"src/".to_owned()));
    }

    #[test]
    fn both_kinds_of_issuers_are_offered() {
        assert_eq!(values("gi issuer add x --kind "), ["guest-issuer", "service-app"]);
    }
}
