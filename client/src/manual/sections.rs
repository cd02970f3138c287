//! What the manual pages say beyond the definitions.

use clap::Command;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::name;
use crate::cli::GROUPS;

/// Exit codes, what they mean, and the words that stand for the failure in JSON.
const EXIT_CODES: [(&str, &str, &str); 10] = [
    ("0", "Done.", ""),
    ("1", "Anything else, such as a defect or a broken database.", "internal"),
    ("2", "Wrong usage.", "usage"),
    ("3", "No such guest or issuer.", "unknown_guest, unknown_issuer"),
    ("4", "The daemon cannot be reached or started.", "no_daemon"),
    ("5", "Webex refuses the issuer's credentials; a person must act.", "issuer_rejected"),
    (
        "6",
        "Not now: Webex is down or asks for fewer requests, or the time was over. Trying later may work.",
        "unavailable, rate_limited, deadline",
    ),
    ("7", "Refused: the socket is another user's, or the store is locked.", "denied, locked"),
    ("8", "gi and the daemon speak no common version of the protocol.", "version"),
    ("130", "Interrupted.", ""),
];

const VARIABLES: [(&str, &str); 9] = [
    ("GI_SOCKET", "The daemon's socket; --socket goes before it."),
    ("GI_TIMEOUT", "How long the whole call may take; --timeout goes before it."),
    ("GI_NO_AUTOSTART", "If it is set to anything but 0, no or false, gi starts no daemon."),
    ("GI_STATE_DIR", "The directory with the database, its key and the log."),
    ("GI_CONFIG", "The configuration of a daemon that gi starts."),
    (
        "XDG_RUNTIME_DIR, XDG_STATE_HOME, XDG_CONFIG_HOME",
        "Where the socket, the state and the configuration are if the variables above do not say.",
    ),
    ("NO_COLOR", "If it is set, there are no colors."),
    ("ISSUER", "An issuer id, for the commands that take one."),
    ("SECRET", "An issuer's secret, for the commands that take one."),
];

const FILES: [(&str, &str); 3] = [
    (
        "$XDG_RUNTIME_DIR/guestissuer/guestissuerd.sock",
        "The socket; in the state directory if there is no such directory that is private.",
    ),
    (
        "~/.local/state/guestissuer/",
        "The state directory: the database guestissuer.db, its key, and the log of a daemon that gi started.",
    ),
    ("~/.config/guestissuer/config.toml", "The daemon's configuration. There need not be one."),
];

/// The commands of gi, as its help groups them.
pub(super) fn groups(gi: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for (heading, names) in GROUPS {
        roff.control("SS", [heading]);
        for command in names.iter().filter_map(|name| gi.find_subcommand(name)) {
            entry(&mut roff, command);
        }
    }
    roff
}

/// The commands below one.
pub(super) fn commands(parent: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    parent.get_subcommands().for_each(|command| entry(&mut roff, command));
    roff
}

fn entry(roff: &mut Roff, command: &Command) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    roff.control("TP", []);
    roff.text([bold(name(command)), roman("(1)")]);
    roff.text([roman(about)]);
}

pub(super) fn examples(examples: &[(String, String)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for (example, explanation) in examples {
        roff.control("TP", []);
        roff.text([bold(example)]);
        if !explanation.is_empty() {
            roff.text([roman(explanation)]);
        }
    }
    roff
}

pub(super) fn exit_status(with_table: bool) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    if !with_table {
        roff.text([roman("As of every command; see "), bold("gi"), roman("(1).")]);
        return roff;
    }
    for (code, meaning, words) in EXIT_CODES {
        roff.control("TP", []);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
        if !words.is_empty() {
            roff.text([roman("In JSON: "), italic(words), roman(".")]);
        }
    }
    roff.control("PP", []).text([
        bold("gi exec"),
        roman(" ends as the command it ran did, or with 126 or 127 if it could not run it, as shells do."),
    ]);
    roff
}

pub(super) fn environment() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    for (variable, meaning) in VARIABLES {
        roff.control("TP", []).text([bold(variable)]).text([roman(meaning)]);
    }
    roff
}

pub(super) fn files() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["FILES"]);
    for (file, meaning) in FILES {
        roff.control("TP", []).text([italic(file)]).text([roman(meaning)]);
    }
    roff
}

pub(super) fn see_also(names: impl Iterator<Item = String>) -> Roff {
    let mut words = Vec::new();
    for name in names {
        if !words.is_empty() {
            words.push(roman(", "));
        }
        words.extend([bold(name), roman("(1)")]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text(words);
    roff
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::FailureCode;

    use super::*;

    #[test]
    fn the_table_of_exit_codes_holds_every_failure() {
        for code in FailureCode::ALL {
            let exit_code = code.exit_code().to_string();
            let row = EXIT_CODES.iter().find(|(number, _, _)| *number == exit_code).unwrap();
            assert!(row.2.split(", ").any(|word| word == code.as_str()), "{}", code.as_str());
        }
    }
}
