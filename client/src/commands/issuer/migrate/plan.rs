//! What moving guests would take.

use guestissuer_client::proto::Failure;
use guestissuer_client::proto::migration::{MigrationPlan, PlanMigration};
use serde_json::{Value, json};

use super::guests;
use crate::cli::Format;
use crate::output::{Output, facts, json as shapes, print, time};

/// Prints it for `--dry-run`.
pub(super) fn show(plan: &MigrationPlan, asked: &PlanMigration, output: &Output) -> Result<(), Failure> {
    let text = match output.format {
        Format::Json => shapes::line(&value(plan, asked)),
        Format::Text | Format::Env | Format::Header | Format::Curl => facts(&lines(plan, asked)),
    };
    print(&text)?;
    Ok(())
}

/// Says what is about to be done.
pub(super) fn announce(plan: &MigrationPlan, asked: &PlanMigration, output: &Output) {
    if plan.guests == 0 {
        return;
    }
    let migration = &asked.migration;
    output.message(&format!(
        "moving {} from {} ({}) to {} ({}){}",
        guests(plan.guests),
        migration.from,
        plan.from_kind.as_str(),
        migration.to,
        plan.to_kind.as_str(),
        at_least(plan).map(|time| format!(", which takes {time}")).unwrap_or_default(),
    ));
    let ids = if plan.ids_asked == 1 { "1 person id" } else { &format!("{} person ids", plan.ids_asked) };
    if plan.ids_asked > 0 {
        output.message(&format!("Webex is asked for {ids} that {} not known", are(plan.ids_asked)));
    }
}

fn lines(plan: &MigrationPlan, asked: &PlanMigration) -> Vec<(&'static str, String)> {
    let migration = &asked.migration;
    let (from, to) = (&migration.from, &migration.to);
    let in_both = match plan.in_both {
        0 => String::new(),
        1 => format!(", of which 1 is a guest of {to} already"),
        many => format!(", of which {many} are guests of {to} already"),
    };
    let mut lines = vec![
        ("from", format!("{from} ({})", plan.from_kind.as_str())),
        ("to", format!("{to} ({})", plan.to_kind.as_str())),
        ("guests", format!("{}{in_both}", plan.guests)),
    ];
    if let Some(pattern) = asked.pattern.as_ref().filter(|_| plan.others > 0) {
        lines.push(("others", format!("{} that {pattern:?} does not match", plan.others)));
    }
    if plan.moved > 0 {
        lines.push(("moved before", plan.moved.to_string()));
    }
    lines.push(("tokens", format!("{} to be minted by {to}", plan.mints)));
    lines.push(("person ids", person_ids(plan, asked)));
    if let Some(time) = at_least(plan) {
        let rate = plan.requests_per_second;
        let requests = if rate == 1 { "request" } else { "requests" };
        lines.push(("time", format!("{time}, at {rate} {requests} a second for each issuer")));
    }
    if plan.from_is_default && plan.others == 0 {
        lines.push(("default", format!("{to} will serve where no issuer is named, as {from} does now")));
    }
    lines
}

fn person_ids(plan: &MigrationPlan, asked: &PlanMigration) -> String {
    let known = format!("{} known", plan.ids_known);
    let unknown = plan.guests.saturating_sub(plan.ids_known);
    match (plan.ids_asked, plan.mints_for_ids) {
        (0, _) if unknown == 0 => known,
        (0, _) => format!("{known}, {unknown} not known and not asked for"),
        (ids, 0) => format!("{known}, {ids} to be asked for"),
        (ids, 1) => {
            format!(
                "{known}, {ids} to be asked for; 1 of those needs a new token of {} first",
                asked.migration.from
            )
        }
        (ids, mints) => format!(
            "{known}, {ids} to be asked for; {mints} of those need a new token of {} first",
            asked.migration.from
        ),
    }
}

/// How long it takes, if that is worth a word.
fn at_least(plan: &MigrationPlan) -> Option<String> {
    let seconds = i64::try_from(whole_seconds(plan)).unwrap_or(i64::MAX);
    (plan.at_least_ms >= 1000).then(|| format!("at least {}", time::span(seconds)))
}

fn whole_seconds(plan: &MigrationPlan) -> u64 {
    plan.at_least_ms / 1000
}

const fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn value(plan: &MigrationPlan, asked: &PlanMigration) -> Value {
    json!({
        "from": asked.migration.from.as_str(),
        "from_kind": plan.from_kind.as_str(),
        "from_is_default": plan.from_is_default,
        "to": asked.migration.to.as_str(),
        "to_kind": plan.to_kind.as_str(),
        "guests": plan.guests,
        "others": plan.others,
        "moved_before": plan.moved,
        "in_both": plan.in_both,
        "mints": plan.mints,
        "person_ids": {
            "known": plan.ids_known,
            "asked_for": plan.ids_asked,
            "mints": plan.mints_for_ids,
        },
        "requests_per_second": plan.requests_per_second,
        "at_least": whole_seconds(plan),
    })
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::migration::Migration;
    use guestissuer_client::proto::response::IssuerKind;

    use super::*;

    fn plan() -> MigrationPlan {
        MigrationPlan {
            from_kind: IssuerKind::GuestIssuer,
            to_kind: IssuerKind::ServiceApp,
            from_is_default: true,
            guests: 1204,
            others: 0,
            moved: 40,
            in_both: 3,
            mints: 1201,
            ids_known: 200,
            ids_asked: 1004,
            mints_for_ids: 30,
            requests_per_second: 10,
            at_least_ms: 120_400,
        }
    }

    fn told(plan: &MigrationPlan, pattern: Option<&str>) -> Vec<String> {
        let name = |name: &str| name.parse().unwrap();
        let migration = Migration { from: name("acme"), to: name("app") };
        let pattern = pattern.map(str::to_owned);
        let asked = PlanMigration { migration, pattern, asks_for_ids: true };
        lines(plan, &asked).into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn a_plan_is_told_in_words() {
        assert_eq!(
            told(&plan(), None),
            [
                "from: acme (guest-issuer)",
                "to: app (service-app)",
                "guests: 1204, of which 3 are guests of app already",
                "moved before: 40",
                "tokens: 1201 to be minted by app",
                "person ids: 200 known, 1004 to be asked for; 30 of those need a new token of acme first",
                "time: at least 2m 0s, at 10 requests a second for each issuer",
                "default: app will serve where no issuer is named, as acme does now",
            ]
        );
    }

    #[test]
    fn a_plan_says_nothing_of_what_is_not_the_case() {
        let few = MigrationPlan {
            guests: 2,
            others: 5,
            moved: 0,
            in_both: 1,
            mints: 2,
            ids_known: 1,
            ids_asked: 0,
            mints_for_ids: 0,
            at_least_ms: 200,
            ..plan()
        };
        assert_eq!(
            told(&few, Some("k*")),
            [
                "from: acme (guest-issuer)",
                "to: app (service-app)",
                "guests: 2, of which 1 is a guest of app already",
                "others: 5 that \"k*\" does not match",
                "tokens: 2 to be minted by app",
                "person ids: 1 known, 1 not known and not asked for",
            ]
        );
    }
}
