//! guestissuerd: arguments, logging, run, exit code.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use guestissuer_daemon::config::{Config, Said};
use guestissuer_daemon::domain::guest::Sealed;
use guestissuer_daemon::domain::time::SystemClock;
use guestissuer_daemon::shutdown::Signals;
use guestissuer_daemon::vault::{KeySource, Vault};
use guestissuer_daemon::webex::proxy::{self, ProxySetting};
use guestissuer_daemon::{KEY_CHECK, RunError, notify, run, state_dir, store, telemetry};
use guestissuer_proto::Span;
use listenfd::ListenFd;
use rustix::process::{Resource, Rlimit};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

/// Keeps the access tokens of Webex guests valid, and hands them out over a local socket.
///
/// Runs in the foreground and logs to stderr. Talk to it with gi.
#[derive(Parser)]
#[command(name = "guestissuerd", version)]
struct Arguments {
    /// Where clients connect
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Where the database, the key and the log are
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Exit when nobody has asked for anything for this long, such as 1h
    #[arg(long, value_name = "DURATION")]
    idle_exit: Option<Span>,
    /// Check configuration, permissions and database, say what is wrong, and exit
    #[arg(long)]
    check: bool,
    /// Leave the session of the program that started this one
    #[arg(long, hide = true)]
    detached: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start(arguments.log_level, is_journal());
    if let Err(error) = keep_memory_private() {
        tracing::warn!(error = &error as &dyn Error, "cannot forbid core dumps");
    }
    if arguments.detached {
        // Fails only for the leader of a process group, which has nothing to leave.
        let _ = rustix::process::setsid();
    }
    let outcome = if arguments.check { check(&arguments) } else { serve(&arguments) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", sentence(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config::load(&said(arguments))?;
    // Everything this process makes is for its user alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let inherited = ListenFd::from_env().take_unix_listener(0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = CancellationToken::new();
    let served = runtime.block_on(async {
        // Before anything else, so that no moment is left in which a signal would just kill.
        let signals = Signals::catch().map_err(RunError::Signals)?;
        let signals = tokio::spawn(signals.trigger(stop.clone()));
        let served = run(config, Arc::new(SystemClock), inherited, notify::ready, stop.clone()).await;
        stop.cancel();
        served?;
        signals.await?;
        Ok(())
    });
    // A name that is still being looked up would hold the process otherwise.
    runtime.shutdown_background();
    served
}

/// Looks at everything, and says all that is wrong.
fn check(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config::load(&said(arguments))?;
    state_dir::check(&config.state_dir)?;
    let key_check = store::check(&config.state_dir, KEY_CHECK)?;
    Vault::check(KeySource::in_state_dir(&config.state_dir), key_check.map(Sealed).as_ref())?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "main is where the environment is read")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// Whether stderr is the journal: `JOURNAL_STREAM` alone only says that it was for some process further up.
fn is_journal() -> bool {
    let stream = variable("JOURNAL_STREAM");
    let stderr = rustix::fs::fstat(rustix::stdio::stderr());
    stderr.is_ok_and(|stat| stream == Some(format!("{}:{}", stat.st_dev, stat.st_ino).into()))
}

fn said(arguments: &Arguments) -> Said {
    Said {
        socket: arguments.socket.clone(),
        state_dir: arguments.state_dir.clone(),
        config: arguments.config.clone(),
        idle_exit: arguments.idle_exit,
        env_socket: variable("GI_SOCKET"),
        env_state_dir: variable("GI_STATE_DIR"),
        env_config: variable("GI_CONFIG"),
        runtime_dir: variable("XDG_RUNTIME_DIR"),
        proxies: proxies(),
    }
}

fn proxies() -> Vec<ProxySetting> {
    let read = |name| ProxySetting::read(name, &variable(name)?.to_string_lossy());
    proxy::VARIABLES.into_iter().filter_map(read).collect()
}

/// Tokens live in this process's memory: no core dumps, and no debugger of the same user.
fn keep_memory_private() -> rustix::io::Result<()> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// An error and its causes in one line.
fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
