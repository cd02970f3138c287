//! gi: the map of the program. Arguments in, one command, the exit code out.

mod autostart;
mod cli;
mod commands;
mod complete;
mod environment;
mod manual;
mod output;
mod prompt;
mod session;

use std::process::ExitCode;

use environment::Environment;
use output::Output;

fn main() -> ExitCode {
    keep_memory_private();
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(code) = complete::answer(&words) {
        return code;
    }
    let cli = match cli::parse(&words) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let environment = Environment::read();
    let output = Output::new(&cli.global, &environment);
    match commands::run(cli, &environment, &output) {
        Ok(()) => output.success(),
        Err(failure) => output.failure(&failure),
    }
}

/// A token passes through this process's memory: no core dump of it. Programs it starts are not affected.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    // Cannot fail for the process itself.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
