//! Commands about issuers.

pub(super) mod app;
mod credentials;
mod migrate;
pub(super) mod moved;

use guestissuer_client::proto::app::ShowApp;
use guestissuer_client::proto::migration::MigrationState;
use guestissuer_client::proto::request::{IssuerChange, IssuerRemoval, IssuerSpec};
use guestissuer_client::proto::response::{IssuerDetail, IssuerKind};
use guestissuer_client::proto::{Failure, IssuerName, UnixTime};
use guestissuer_client::{
    Answered, IssuerAddChecked, IssuerDefault, IssuerList, IssuerShow, IssuerTest, IssuerUpdateChecked,
};

use crate::cli::{Format, IssuerAdd, IssuerCommand, IssuerRemove, IssuerUpdate, Kind};
use crate::environment::Environment;
use crate::output::table::{Cell, Column, Table};
use crate::output::{Output, Paint, facts, json, print, time};
use crate::session::Session;
use credentials::{Completeness, Given};

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
        IssuerCommand::Show(issuer) => show(issuer.name, session, output),
        IssuerCommand::Remove(remove) => self::remove(remove, session, output),
        IssuerCommand::Default(issuer) => {
            let answered = session.ask(&IssuerDefault(issuer.name))?;
            output.message(&format!("{} serves where no issuer is named", answered.value.name));
            changed(&answered, output)
        }
        IssuerCommand::Migrate(migrate) => migrate::migrate(migrate, session, output),
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
    let given = Given::read(&add.source)?;
    let kind = given.kind(add.kind);
    let credentials = match kind {
        Kind::GuestIssuer => given.guest_issuer(Completeness::All, environment)?,
        Kind::ServiceApp => given.service_app(Completeness::All)?,
    };
    let name = add.issuer.name;
    let spec = IssuerSpec { name: name.clone(), credentials, api_base: add.source.api_base };
    let is_checked = kind == Kind::ServiceApp && !add.trial.no_check;
    let answered = if is_checked { session.ask(&IssuerAddChecked(spec))? } else { session.ask(&spec)? };
    let default = if answered.value.is_default { ", which serves where none is named" } else { "" };
    let accepted = if is_checked { "; Webex accepts it" } else { "" };
    output.message(&format!("added issuer {name}{default}{accepted}; try it with: gi issuer test {name}"));
    changed(&answered, output)
}

fn update(
    update: IssuerUpdate,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (source, name) = (update.source, update.issuer.name);
    // An address alone can be changed without the secret.
    let is_address_only = source.api_base.is_some() && source.id.is_none() && source.credentials.is_none();
    let mut is_checked = false;
    let mut credentials = None;
    if !is_address_only {
        let stored = session.ask(&IssuerShow(Some(name.clone())))?.value.kind;
        let given = Given::read(&source)?;
        let kind = match stored {
            IssuerKind::GuestIssuer => Kind::GuestIssuer,
            IssuerKind::ServiceApp => Kind::ServiceApp,
        };
        // The daemon says so if they are of another kind than the issuer.
        credentials = Some(match given.kind_in_file().unwrap_or(kind) {
            Kind::GuestIssuer => given.guest_issuer(Completeness::Some, environment)?,
            Kind::ServiceApp => given.service_app(Completeness::Some)?,
        });
        is_checked = kind == Kind::ServiceApp && !update.trial.no_check;
    }
    let change = IssuerChange { name, credentials, api_base: source.api_base };
    let answered =
        if is_checked { session.ask(&IssuerUpdateChecked(change))? } else { session.ask(&change)? };
    let accepted = if is_checked { "; Webex accepts it" } else { "" };
    let name = &answered.value.name;
    output.message(&format!("updated issuer {name}{accepted}; its guests and their tokens stay"));
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
    for app in app::all(&issuers, session) {
        app::warn(&app, now, output);
    }
    let moves = moved::all(session);
    if output.format == Format::Json {
        let value = |issuer| moved::with_moves(json::issuer(issuer, now), &moves, &issuer.name);
        let array = issuers.iter().map(value).collect();
        print(&json::line(&array))?;
        return Ok(());
    }
    if issuers.is_empty() {
        output.message("no issuers; add one with: gi issuer add NAME --id ISSUER_ID, or --kind service-app");
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    let rows = issuers.iter().map(|issuer| {
        let (state, paint) = state(issuer, &moves, now);
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

fn show(name: Option<IssuerName>, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Answered { value: issuer, now, .. } = session.ask(&IssuerShow(name))?;
    let app = match issuer.kind {
        IssuerKind::GuestIssuer => None,
        IssuerKind::ServiceApp => {
            let ask = ShowApp { issuer: Some(issuer.name.clone()), count: true };
            Some(session.ask(&ask)?.value)
        }
    };
    if let Some(app) = &app {
        app::warn(app, now, output);
    }
    let moves = moved::all(session);
    if output.format == Format::Json {
        let value = app::with_app(json::issuer(&issuer, now), app.as_ref(), now);
        print(&json::line(&moved::with_moves(value, &moves, &issuer.name)))?;
        return Ok(());
    }
    let (state, paint) = state(&issuer, &moves, now);
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
    lines.extend(moved::facts(&moves, &issuer.name, now));
    if let Some(error) = &issuer.last_error {
        lines.push(("last error", format!("{} ({})", error.failure.message, time::relative(error.at, now))));
        if let Some(id) = &error.tracking_id {
            lines.push(("tracking id", id.clone()));
        }
    }
    if let Some(app) = &app {
        lines.extend(app::facts(app, &issuer, now, output));
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

fn state(issuer: &IssuerDetail, moves: &[MigrationState], now: UnixTime) -> (String, Paint) {
    if let Some(successor) = moved::successor(moves, &issuer.name) {
        return (format!("moved to {successor}"), Paint::Faint);
    }
    match (&issuer.last_error, issuer.paused_until) {
        (_, Some(until)) => (format!("paused, {}", time::relative(until, now)), Paint::Notable),
        (Some(error), None) => (format!("failing: {}", error.failure.code.as_str()), Paint::Bad),
        (None, None) if issuer.last_success_at.is_some() => ("ok".to_owned(), Paint::Good),
        (None, None) => ("not used yet".to_owned(), Paint::Faint),
    }
}
