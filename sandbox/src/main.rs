//! `guestissuer-sandbox`: a Webex guest API on loopback.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use guestissuer_proto::Span;
use guestissuer_sandbox::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN};
use guestissuer_sandbox::{DEFAULT_ISSUER, DEFAULT_SECRET, DEFAULT_TOKEN_LIFE};
use guestissuer_sandbox::{RequestLines, Sandbox, SandboxError, Secret, SecretError};
use guestissuer_sandbox::{ServiceApp, Settings, Skew};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A Webex guest API on loopback, for trying things out and for tests
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Port on 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,

    /// How long an access token lives
    #[arg(long, value_name = "SPAN", default_value_t = DEFAULT_TOKEN_LIFE)]
    token_life: Span,

    /// Issuer id that guest JWTs must name
    #[arg(long, value_name = "ID", default_value = DEFAULT_ISSUER, hide_default_value = true)]
    issuer: String,

    /// File with the issuer's secret in base64, in the place of the sandbox's own
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// How far the sandbox's clock runs ahead of this machine's, or behind it as in -90s
    #[arg(long, value_name = "SPAN", default_value = "0s", allow_hyphen_values = true)]
    clock_skew: Skew,

    /// Do not write a line for each request to standard error
    #[arg(long)]
    quiet: bool,
}

/// Why the program ends with a failure.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read {path}: {source}")]
    SecretFile { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Secret { path: PathBuf, source: SecretError },
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot listen to signals: {0}")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody to tell if standard error is closed.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let settings = Settings {
        port: cli.port,
        issuer: cli.issuer.clone(),
        secret: cli.secret_file.as_deref().map_or_else(|| Ok(Secret::default()), read_secret)?,
        token_life: cli.token_life,
        clock_skew: cli.clock_skew,
        service_app: ServiceApp::default(),
        request_lines: if cli.quiet { RequestLines::None } else { RequestLines::Stderr },
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?
        .block_on(serve(cli, settings))
}

async fn serve(cli: &Cli, settings: Settings) -> Result<(), Failure> {
    // Before the first line is printed: whoever reads it may signal at once.
    let mut terminate = listen_to(SignalKind::terminate())?;
    let mut interrupt = listen_to(SignalKind::interrupt())?;
    let mut sandbox = Sandbox::start(settings).await?;
    greet(cli, &sandbox);
    tokio::select! {
        failure = sandbox.failed() => return Err(failure.into()),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    sandbox.shutdown().await;
    Ok(())
}

fn listen_to(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(Failure::Signals)
}

fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Failure::SecretFile { path: path.to_owned(), source })?;
    Secret::from_base64(&text).map_err(|source| Failure::Secret { path: path.to_owned(), source })
}

/// Says where the sandbox listens and how to use it.
fn greet(cli: &Cli, sandbox: &Sandbox) {
    let id = &cli.issuer;
    let base = sandbox.api_base();
    // A secret of the user's own is not printed: the shell reads it from its file when the line is pasted.
    let secret = match &cli.secret_file {
        None => DEFAULT_SECRET.to_owned(),
        Some(path) => format!(r#"'"$(cat {})"'"#, quoted(&path.display().to_string())),
    };
    let address = sandbox.address();
    let text = format!(
        "listening on http://{address}\n\
         gi issuer add sandbox --id {id} --api-base {base} --credentials - <<< '{{\"issuer\":\"{id}\",\"secret\":\"{secret}\"}}'\n\
         control interface at http://{address}/_control, for example: curl http://{address}/_control/state\n\
         gi issuer add sandbox-app --kind service-app --api-base {base} --credentials - <<< '{{\"client_id\":\"{DEFAULT_CLIENT_ID}\",\"client_secret\":\"{DEFAULT_CLIENT_SECRET}\",\"refresh_token\":\"{DEFAULT_REFRESH_TOKEN}\"}}'\n"
    );
    let mut stdout = io::stdout().lock();
    // Nobody reads it if standard output is closed, and the sandbox serves all the same.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// The text as one word of a shell's command line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_quote_in_a_path_stays_inside_its_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
