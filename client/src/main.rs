//! gi: the map of the program. Arguments in, one command, the exit code out.

mod autostart;
mod cli;
mod commands;
mod complete;
mod dropin;
mod environment;
mod follow;
mod manual;
mod output;
mod prompt;
mod session;

use std::process::ExitCode;

use commands::Ended;
use environment::Environment;
use output::{Output, Program};

fn main() -> ExitCode {
    keep_memory_private();
    let words: Vec<_> = std::env::args_os().collect();
    if dropin::is_meant() {
        return dropin::run();
    }
    if let Some(code) = complete::answer(&words) {
        return code;
    }
    let cli = match cli::parse(&words) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let environment = Environment::read();
    let output = Output::new(&cli.global, &environment, Program::Gi);
    match commands::run(cli, &environment, &output) {
        Ok(None) => output.success(),
        Ok(Some(ended)) => as_it_ended(&ended),
        Err(failure) => output.failure(&failure),
    }
}

/// Ends as a command did that was run: with its exit code, or by the signal that ended it, so that a shell which waits
/// for gi sees the same.
fn as_it_ended(ended: &Ended) -> ExitCode {
    match ended {
        Ended::Exited(code) => ExitCode::from(*code),
        Ended::Signalled(signal) => {
            // Does not return, except for a signal that ends nothing.
            let _ = signal_hook::low_level::emulate_default_handler(*signal);
            ExitCode::from(u8::try_from(signal + 128).unwrap_or(u8::MAX))
        }
    }
}

/// A token passes through this process's memory: no core dump of it. Programs it starts are not affected.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    // Cannot fail for the process itself.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
