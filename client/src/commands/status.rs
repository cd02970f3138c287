//! `gi status` and `gi stop`.

use guestissuer_client::proto::app::AppDetail;
use guestissuer_client::proto::migration::MigrationState;
use guestissuer_client::proto::response::Status as DaemonStatus;
use guestissuer_client::proto::{Failure, UnixTime};
use guestissuer_client::{Answered, Error, Status, Stop};
use serde_json::Value;

use super::issuer::{app, moved};
use crate::cli::Format;
use crate::output::{Output, facts, json, print, time};
use crate::session::Session;

pub(super) fn status(session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Answered { value: status, now, .. } = session.ask(&Status)?;
    let apps = app::all(&status.issuers, session);
    for app in &apps {
        app::warn(app, now, output);
    }
    let moves = moved::all(session);
    let text = match output.format {
        Format::Json => json::line(&in_json(&status, &apps, &moves, now)),
        Format::Text | Format::Env | Format::Header | Format::Curl => {
            described(&status, &apps, &moves, now, output)
        }
    };
    print(&text)?;
    Ok(())
}

/// A daemon that does not run needs no stopping; one that does is gone when this returns.
pub(super) fn stop(mut session: Session<'_>, output: &Output) -> Result<(), Failure> {
    let left = session.left();
    let Some(client) = session.running()? else {
        output.message("no guestissuerd is running");
        return Ok(());
    };
    match client.ask(Stop, left) {
        Ok(_) => session.wait_for_end()?,
        // It was about to end already.
        Err(Error::Broken(_)) => {}
        Err(error) => return Err(error.into()),
    }
    output.message("guestissuerd has ended");
    Ok(())
}

fn in_json(status: &DaemonStatus, apps: &[AppDetail], moves: &[MigrationState], now: UnixTime) -> Value {
    let mut value = json::status(status, now);
    let issuers = status.issuers.iter().map(|issuer| {
        let app = apps.iter().find(|app| app.name == issuer.name);
        let value = app::with_app(json::issuer(issuer, now), app, now);
        moved::with_moves(value, moves, &issuer.name)
    });
    let issuers = issuers.collect();
    if let Value::Object(object) = &mut value {
        object.insert("issuers".to_owned(), issuers);
    }
    value
}

fn described(
    status: &DaemonStatus,
    apps: &[AppDetail],
    moves: &[MigrationState],
    now: UnixTime,
    output: &Output,
) -> String {
    let when =
        |at: Option<UnixTime>, otherwise: &str| at.map_or(otherwise.to_owned(), |at| time::relative(at, now));
    let seconds = |millis: u64| time::span(i64::try_from(millis / 1000).unwrap_or(i64::MAX));
    let guests = status.guests;
    let counters = status.counters;
    let issuers: Vec<_> = status
        .issuers
        .iter()
        .map(|issuer| {
            let default = if issuer.is_default { ", default" } else { "" };
            let failing = if issuer.last_error.is_some() { ", failing" } else { "" };
            let successor = moved::successor(moves, &issuer.name);
            let elsewhere = successor.map(|name| format!(", moved to {name}")).unwrap_or_default();
            format!("{} ({}{default}{failing}{elsewhere})", issuer.name, issuer.kind.as_str())
        })
        .collect();
    let mut lines = vec![
        (
            "daemon",
            format!("guestissuerd {}, protocol {}, pid {}", status.version, status.protocol, status.pid),
        ),
        ("up for", seconds(status.uptime_ms)),
        ("socket", status.socket.clone()),
        ("state", status.state_dir.clone()),
        ("protection", status.protection.clone()),
        ("issuers", if issuers.is_empty() { "none".to_owned() } else { issuers.join(", ") }),
    ];
    for (at, app) in apps.iter().enumerate() {
        lines.push((if at == 0 { "apps" } else { "" }, app::summary(app, now, output)));
    }
    lines.extend([
        (
            "guests",
            format!(
                "{}: {} fresh, {} due, {} expired, {} without a token; {} failing",
                guests.total, guests.fresh, guests.due, guests.expired, guests.none, guests.failing
            ),
        ),
        (
            "tokens",
            format!(
                "asked for {}, at hand {}, minted {}, failed {}, joined a mint in flight {}",
                counters.gets, counters.hits, counters.mints, counters.mint_failures, counters.coalesced
            ),
        ),
        ("last mint", when(status.last_success_at, "never")),
        ("next refresh", when(status.next_refresh_at.map(|at| at.max(now)), "none planned")),
    ]);
    if let Some(failed) = &status.last_failure {
        lines.push((
            "last failure",
            format!("{} ({})", failed.failure.message, time::relative(failed.at, now)),
        ));
    }
    if let Some(skew) = status.clock_skew_ms.filter(|skew| skew.unsigned_abs() > 5_000) {
        let direction = if skew > 0 { "behind" } else { "ahead of" };
        lines.push(("clock", format!("{} {direction} Webex's", time::span(skew / 1000))));
    }
    facts(&lines)
}
