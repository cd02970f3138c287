//! Commands about issuers.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};

use guestissuer_client::proto::request::{Credentials, IssuerChange, IssuerRemoval, IssuerSpec};
use guestissuer_client::proto::response::IssuerDetail;
use guestissuer_client::proto::{Failure, FailureCode, Secret, UnixTime};
use guestissuer_client::{Answered, IssuerDefault, IssuerList, IssuerShow, IssuerTest};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cli::{CredentialSource, Format, IssuerAdd, IssuerCommand, IssuerRemove, IssuerUpdate, Kind};
use crate::environment::Environment;
use crate::output::table::{Cell, Column, Table};
use crate::output::{Output, Paint, facts, json, print, time};
use crate::prompt;
use crate::session::Session;

/// The longest credentials file that is read. A real one has some hundred bytes.
const LONGEST_FILE: u64 = 64 * 1024;

const COLUMNS: [Column; 5] = [
    Column::new("ISSUER").cut_to(8),
    Column::new("KIND").left_out(2),
    Column::new("GUESTS"),
    Column::new("STATE").cut_to(8),
    Column::new("API").cut_to(16).left_out(1),
];

pub(super) fn run(
    command: IssuerCommand,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        IssuerCommand::Add(add) => self::add(add, session, environment, output),
        IssuerCommand::List => list(session, output),
        IssuerCommand::Show(issuer) => show(session.ask(&IssuerShow(issuer.name))?, output),
        IssuerCommand::Remove(remove) => self::remove(remove, session, output),
        IssuerCommand::Default(issuer) => {
            let answered = session.ask(&IssuerDefault(issuer.name))?;
            output.message(&format!("{} serves where no issuer is named", answered.value.name));
            changed(&answered, output)
        }
        IssuerCommand::Update(update) => self::update(update, session, environment, output),
        IssuerCommand::Test(issuer) => {
            let answered = session.ask(&IssuerTest(issuer.name))?;
            let tested = &answered.value;
            let life = time::span(i64::try_from(tested.token_life_ms / 1000).unwrap_or(i64::MAX));
            output.message(&format!("Webex accepts issuer {}; its tokens are valid for {life}", tested.name));
            if output.format == Format::Json {
                print(&json::line(&json::tested(tested)))?;
            }
            Ok(())
        }
    }
}

fn add(
    add: IssuerAdd,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match add.kind {
        Kind::GuestIssuer => {}
        Kind::ServiceApp => {
            return Err(Failure::new(
                FailureCode::Usage,
                "issuers of kind service-app are not supported yet",
            ));
        }
    }
    let credentials = read_credentials(&add.source, true, environment)?;
    let spec = IssuerSpec { name: add.issuer.name, credentials, api_base: add.source.api_base };
    let answered = session.ask(&spec)?;
    let issuer = &answered.value;
    let default = if issuer.is_default { ", which serves where none is named" } else { "" };
    output.message(&format!(
        "added issuer {}{default}; try it with: gi issuer test {}",
        issuer.name, issuer.name
    ));
    changed(&answered, output)
}

fn update(
    update: IssuerUpdate,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let source = update.source;
    // An address alone can be changed without the secret.
    let is_address_only = source.api_base.is_some() && source.id.is_none() && source.credentials.is_none();
    let credentials =
        if is_address_only { None } else { Some(read_credentials(&source, false, environment)?) };
    let change = IssuerChange { name: update.issuer.name, credentials, api_base: source.api_base };
    let answered = session.ask(&change)?;
    output.message(&format!("updated issuer {}; its guests and their tokens stay", answered.value.name));
    changed(&answered, output)
}

fn remove(remove: IssuerRemove, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let answered = session.ask(&IssuerRemoval { name: remove.issuer.name, with_guests: remove.force })?;
    let issuer = &answered.value;
    output.message(&match issuer.guests {
        0 => format!("forgot issuer {}", issuer.name),
        guests => format!(
            "forgot issuer {} and its guests ({guests}); Webex has no way to revoke their tokens, which stay valid \
             until they expire",
            issuer.name
        ),
    });
    changed(&answered, output)
}

fn list(session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Answered { value: issuers, now, .. } = session.ask(&IssuerList)?;
    if output.format == Format::Json {
        let array = issuers.iter().map(|issuer| json::issuer(issuer, now)).collect();
        print(&json::line(&array))?;
        return Ok(());
    }
    if issuers.is_empty() {
        output.message("no issuers; add one with: gi issuer add NAME --id ISSUER_ID");
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    let rows = issuers.iter().map(|issuer| {
        let (state, paint) = state(issuer, now);
        let name =
            if issuer.is_default { format!("{} (default)", issuer.name) } else { issuer.name.to_string() };
        vec![
            Cell::new(name),
            Cell::new(issuer.kind.as_str()),
            Cell::new(issuer.guests.to_string()),
            Cell::painted(state, paint),
            Cell::new(issuer.api_base.as_str()),
        ]
    });
    let text = table.rows(rows.collect(), output);
    print(&text)?;
    Ok(())
}

fn show(answered: Answered<IssuerDetail>, output: &Output) -> Result<(), Failure> {
    let Answered { value: issuer, now, .. } = answered;
    if output.format == Format::Json {
        print(&json::line(&json::issuer(&issuer, now)))?;
        return Ok(());
    }
    let (state, paint) = state(&issuer, now);
    let when = |at: Option<UnixTime>| at.map_or("never".to_owned(), |at| time::relative(at, now));
    let mut lines = vec![
        ("issuer", issuer.name.to_string()),
        ("kind", issuer.kind.as_str().to_owned()),
        ("id", issuer.id.clone()),
        ("API", issuer.api_base.clone()),
        ("default", if issuer.is_default { "yes" } else { "no" }.to_owned()),
        ("guests", issuer.guests.to_string()),
        ("state", output.paint(paint, &state)),
        ("added", when(Some(issuer.created_at))),
        ("last mint", when(issuer.last_success_at)),
    ];
    if let Some(error) = &issuer.last_error {
        lines.push(("last error", format!("{} ({})", error.failure.message, time::relative(error.at, now))));
        if let Some(id) = &error.tracking_id {
            lines.push(("tracking id", id.clone()));
        }
    }
    let text = facts(&lines);
    print(&text)?;
    Ok(())
}

fn changed(answered: &Answered<IssuerDetail>, output: &Output) -> Result<(), Failure> {
    if output.format == Format::Json {
        print(&json::line(&json::issuer(&answered.value, answered.now)))?;
    }
    Ok(())
}

fn state(issuer: &IssuerDetail, now: UnixTime) -> (String, Paint) {
    match (&issuer.last_error, issuer.paused_until) {
        (_, Some(until)) => (format!("paused, {}", time::relative(until, now)), Paint::Notable),
        (Some(error), None) => (format!("failing: {}", error.failure.code.as_str()), Paint::Bad),
        (None, None) if issuer.last_success_at.is_some() => ("ok".to_owned(), Paint::Good),
        (None, None) => ("not used yet".to_owned(), Paint::Faint),
    }
}

/// Credentials as a file holds them. Other keys are ignored.
#[derive(Deserialize)]
struct CredentialsFile {
    issuer: Option<String>,
    secret: Option<Secret>,
}

/// Takes credentials from where they are said to be, else from the environment, else from whoever sits at the
/// terminal.
fn read_credentials(
    source: &CredentialSource,
    needs_id: bool,
    environment: &Environment,
) -> Result<Credentials, Failure> {
    let (id_in_file, secret) = match &source.credentials {
        Some(place) => {
            let file = read_file(place)?;
            (file.issuer, file.secret)
        }
        None => (environment.issuer_id.clone(), environment.secret.clone()),
    };
    let mut id = source.id.clone().or(id_in_file);
    if id.is_none() && needs_id {
        id = Some(ask_id()?);
    }
    let secret = match secret {
        Some(secret) => secret,
        None if source.credentials.is_some() => {
            return Err(Failure::new(FailureCode::Usage, "the credentials hold no \"secret\"")
                .with_hint("they look like {\"issuer\":\"...\",\"secret\":\"...\"}"));
        }
        None => ask_secret()?,
    };
    Ok(Credentials::GuestIssuer { id, secret })
}

fn read_file(place: &str) -> Result<CredentialsFile, Failure> {
    let failed = |error: io::Error| {
        Failure::new(FailureCode::Usage, format!("cannot read the credentials {place}: {error}"))
    };
    let reader: Box<dyn Read> = match place {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    let mut text = Zeroizing::new(Vec::new());
    reader.take(LONGEST_FILE).read_to_end(&mut text).map_err(failed)?;
    // What the parser complains about could quote the secret, so only where it stumbled is said.
    serde_json::from_slice(&text).map_err(|error| {
        let message = format!(
            "the credentials are not JSON of the right shape (line {}, column {})",
            error.line(),
            error.column()
        );
        Failure::new(FailureCode::Usage, message)
            .with_hint("they look like {\"issuer\":\"...\",\"secret\":\"...\"}")
    })
}

fn ask_id() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(FailureCode::Usage, "the issuer id is missing")
            .with_hint("give it with --id, in --credentials, or in the environment variable ISSUER"));
    }
    prompt::line("Issuer id: ")
        .map_err(|error| Failure::new(FailureCode::Usage, format!("cannot read the issuer id: {error}")))
}

fn ask_secret() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(FailureCode::Usage, "the secret is missing")
            .with_hint("give it in --credentials FILE, or in the environment variable SECRET"));
    }
    prompt::secret("Secret (not shown): ")
        .map_err(|error| Failure::new(FailureCode::Usage, format!("cannot read the secret: {error}")))
}
