//! What is printed, and where: data on stdout, all else on stderr.

mod columns;
pub(crate) mod json;
pub(crate) mod person;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod time;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::error::{ContextKind, ErrorKind};
use guestissuer_client::proto::{Failure, FailureCode};

use crate::cli::{Color, Format, Global};
use crate::environment::Environment;
use progress::Progress;

/// The width of a terminal that does not say.
const USUAL: usize = 80;

/// Terminals of fewer columns are narrow.
const NARROW: usize = 60;

/// A value gets at least so many columns.
const LEAST_ROOM: usize = 8;

/// How this run prints.
pub(crate) struct Output {
    /// The format of data.
    pub(crate) format: Format,
    /// Whether stdout may be colored.
    pub(crate) colored: bool,
    /// How many columns a line may have, if stdout is a terminal.
    pub(crate) width: Option<usize>,
    /// As which program this one was called.
    pub(crate) program: Program,
    quiet: bool,
    verbose: bool,
    /// What is waited for.
    pub(crate) progress: Progress,
    /// What waits for the end, because a program that reads JSON wants one object if the command fails.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    warnings: Vec<String>,
    /// What a failure's object says besides the failure.
    details: Vec<(&'static str, serde_json::Value)>,
}

/// The names this program goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Itself.
    Gi,
    /// The original, whose place it takes.
    Guestissuer,
}

impl Program {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gi => "gi",
            Self::Guestissuer => "guestissuer",
        }
    }
}

/// Colors, by what they mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// All is well.
    Good,
    /// Worth a look.
    Notable,
    /// Not well.
    Bad,
    /// Of little interest.
    Faint,
    /// Nothing special.
    Plain,
}

impl Output {
    pub(crate) fn new(global: &Global, environment: &Environment, program: Program) -> Self {
        let width = terminal_width();
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => width.is_some() && !environment.no_color,
        };
        let has_messages = !global.quiet && global.output != Format::Json;
        let is_watched = has_messages && io::stderr().is_terminal();
        Self {
            format: global.output,
            colored,
            width,
            program,
            quiet: global.quiet,
            verbose: global.verbose,
            progress: Progress::new(is_watched),
            kept: Mutex::default(),
        }
    }

    /// Whether stdout is a terminal on which not much fits into a line.
    pub(crate) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < NARROW)
    }

    /// Sums up, for somebody who looks at the data. Others count themselves.
    pub(crate) fn summary(&self, text: &str) {
        if self.width.is_some() && io::stderr().is_terminal() {
            self.message(text);
        }
    }

    /// Whether only data and errors are wanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Tells the user what was done. A program learns it from the data.
    pub(crate) fn message(&self, text: &str) {
        if !self.quiet && self.format != Format::Json {
            self.progress.aside(|| tell(text));
        }
    }

    /// Tells a user who wants to know it all.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose && self.format != Format::Json {
            self.progress.aside(|| tell(text));
        }
    }

    /// Warns the user.
    pub(crate) fn warning(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.format == Format::Json {
            self.kept().warnings.push(text.to_owned());
        } else {
            self.progress.aside(|| self.tell_warning(text));
        }
    }

    /// Tells at once of a failure that does not end the command.
    pub(crate) fn trouble(&self, failure: &Failure) {
        if !self.quiet {
            self.progress.aside(|| self.tell_warning(&failure.message));
        }
    }

    /// Says one of several things that went wrong, before the command fails because of them. A program learns of it
    /// through [`Self::fails_with`].
    pub(crate) fn complaint(&self, text: &str) {
        if self.format != Format::Json {
            self.progress.aside(|| tell(&format!("gi: {text}")));
        }
    }

    /// If the command fails, a program that reads JSON finds this beside the failure.
    pub(crate) fn fails_with(&self, key: &'static str, value: serde_json::Value) {
        self.kept().details.push((key, value));
    }

    /// The command has succeeded: says what is still to be said.
    pub(crate) fn success(&self) -> ExitCode {
        for warning in &self.kept().warnings {
            self.tell_warning(warning);
        }
        ExitCode::SUCCESS
    }

    /// Says what went wrong; its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        self.complain(failure, &failure_lines(failure, self.program));
        ExitCode::from(failure.code.exit_code())
    }

    /// Says what went wrong: to people in these words.
    pub(crate) fn complain(&self, failure: &Failure, words: &str) {
        if self.format == Format::Json {
            let kept = self.kept();
            tell(&json::failure(failure, &kept.warnings, &kept.details));
        } else {
            tell(words);
        }
    }

    fn tell_warning(&self, text: &str) {
        tell(&format!("{}: warning: {text}", self.program.name()));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A text in a color.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Notable => "33",
            Paint::Bad => "31",
            Paint::Faint => "2",
            Paint::Plain => return text.to_owned(),
        };
        if self.colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Prints data. A reader that has gone away has seen enough, which is no failure.
pub(crate) fn print(text: &str) -> Result<Flow, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Flow::GoOn),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Enough),
        Err(error) => Err(Failure::new(FailureCode::Internal, format!("cannot write the output: {error}"))),
    }
}

/// Names and values, one pair a line, the values in one column. A name may be empty. On a terminal, long values go on
/// in the next line.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let room = terminal_width().map(|columns| columns.saturating_sub(width).max(LEAST_ROOM));
    let mut text = String::new();
    for (name, value) in facts {
        let lines = match room {
            Some(room) => columns::wrapped(&columns::shown(value), room),
            None => vec![value.clone()],
        };
        for (at, line) in lines.iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            text.push_str(format!("{name:<width$}{line}").trim_end());
            text.push('\n');
        }
    }
    text
}

/// How many columns a line has, if stdout is a terminal.
fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).or(Some(USUAL))
}

/// So many guests, in words.
pub(crate) fn guests(count: u64) -> String {
    if count == 1 { "1 guest".to_owned() } else { format!("{count} guests") }
}

/// A text in single quotes, for any shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether more data is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The reader is there.
    GoOn,
    /// The reader has gone away.
    Enough,
}

/// Says what is wrong with the command line, or prints the help that was asked for; the exit code.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed pipe is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    ExitCode::from(misunderstood(error, Program::Gi).code.exit_code())
}

/// Says what is wrong with the command line of this program.
pub(crate) fn misunderstood(error: &clap::Error, program: Program) -> Failure {
    let failure = usage_failure(&without_secrets(error, program), program);
    tell(&if wants_json() { json::failure(&failure, &[], &[]) } else { failure_lines(&failure, program) });
    failure
}

/// The longest word of a command line that is repeated in an error. A longer one may be a token in the wrong place.
const LONGEST_REPEATED: usize = 60;

/// The commands whose arguments are tokens and secrets.
const SECRETIVE: [&str; 6] = ["create", "login", "quick", "verify", "issuer", "invalidate"];

/// What clap says, without words that may be secrets: a token or secret that was one argument too many, or that stands
/// in another one's place.
fn without_secrets(error: &clap::Error, program: Program) -> String {
    let is_secretive = program == Program::Guestissuer
        || std::env::args_os().any(|word| SECRETIVE.iter().any(|command| word == *command));
    let is_extra = is_secretive && error.kind() == ErrorKind::UnknownArgument;
    let text = error.render().to_string();
    let kinds = [ContextKind::InvalidArg, ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    let words = kinds.map(|kind| error.get(kind));
    words.into_iter().flatten().fold(text, |text, word| {
        let word = word.to_string();
        let is_option = word.starts_with('-') || word.starts_with('<');
        let may_be_secret = !is_option && (is_extra || word.len() > LONGEST_REPEATED);
        if may_be_secret { text.replace(&format!("'{word}'"), "(not repeated here)") } else { text }
    })
}

/// Takes what clap says apart into one sentence and one hint.
fn usage_failure(text: &str, program: Program) -> Failure {
    let joined = |lines: &str| lines.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let message = joined(paragraphs.next().unwrap_or_default().trim_start_matches("error: "));
    let tip = paragraphs.clone().find_map(|paragraph| paragraph.trim().strip_prefix("tip: ").map(joined));
    let usage = paragraphs.find_map(|paragraph| paragraph.trim().strip_prefix("Usage: ").map(joined));
    let hint = tip
        .or(usage.map(|usage| format!("usage: {usage}")))
        .unwrap_or_else(|| format!("see: {} --help", program.name()));
    Failure::new(FailureCode::Usage, message).with_hint(hint)
}

/// Whether JSON was asked for on a command line that could not be understood.
fn wants_json() -> bool {
    let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let is_json = |pair: &[String]| matches!(pair, [flag, value] if (flag == "-o" || flag == "--output") && value == "json");
    words.windows(2).any(is_json) || words.iter().any(|word| word == "-ojson" || word == "--output=json")
}

/// A line that says what went wrong, and one that says what can be done about it.
fn failure_lines(failure: &Failure, program: Program) -> String {
    let message = format!("{}: {}", program.name(), failure.message);
    hint(failure).map_or(message.clone(), |hint| format!("{message}\nhint: {hint}"))
}

/// What can be done about a failure, and when.
pub(crate) fn hint(failure: &Failure) -> Option<String> {
    let again =
        failure.retry_after_ms.map(|millis| format!("try again in {} s", millis.div_ceil(1000).max(1)));
    match (&failure.hint, again) {
        (Some(hint), Some(again)) => Some(format!("{again}; {hint}")),
        (Some(hint), None) => Some(hint.clone()),
        (None, again) => again,
    }
}

/// Says something that is no failure of a command.
pub(crate) fn say(text: &str) {
    tell(text);
}

/// Writes a line to stderr. If that is closed there is nobody left to tell.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
