//! Who was moved, and who they are to Webex since then.

use guestissuer_client::IssuerShow;
use guestissuer_client::proto::migration::{Migration, MovedGuest};
use guestissuer_client::proto::{Failure, IssuerName, UnixTime};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::commands::moves::{Pages, PersonId};
use crate::output::table::{Cell, Column, Table};
use crate::output::{Flow, Output, Paint, json as shapes, print, time};
use crate::session::Session;

const COLUMNS: [Column; 6] = [
    Column::new("GUEST").cut_to(8),
    Column::new("NAME").cut_to(8).left_out(1),
    Column::new("MOVED").left_out(2),
    Column::new("BEFORE"),
    Column::new("AFTER"),
    Column::new("PERSON ID"),
];

/// How many characters of a person id a terminal is shown, from its end: they all begin with the same.
const SHOWN: usize = 12;

pub(super) fn report(
    migration: &Migration,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<(), Failure> {
    let mut pages = Pages::between(&migration.from, &migration.to);
    let is_empty = match output.format {
        Format::Json => as_json(&mut pages, migration, session)?,
        Format::Text | Format::Env | Format::Header | Format::Curl => {
            as_table(&mut pages, migration, session, output)?
        }
    };
    if is_empty {
        output.message(&format!("no guest was moved from {} to {}", migration.from, migration.to));
    }
    Ok(())
}

/// Prints the guests; whether there were none.
fn as_table(
    pages: &mut Pages,
    migration: &Migration,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<bool, Failure> {
    let mut table = Table::new(&COLUMNS);
    let mut is_empty = true;
    while let Some((guests, now)) = pages.read(session)? {
        if guests.is_empty() {
            continue;
        }
        is_empty = false;
        let rows = guests.iter().map(|guest| row(guest, now, output)).collect();
        if print(&table.rows(rows, output))? == Flow::Enough {
            break;
        }
    }
    if is_empty {
        look_for_issuers(migration, session)?;
    }
    Ok(is_empty)
}

/// Prints the guests; whether there were none.
fn as_json(pages: &mut Pages, migration: &Migration, session: &mut Session<'_>) -> Result<bool, Failure> {
    let mut array = shapes::Array::default();
    let mut is_empty = true;
    while let Some((guests, _)) = pages.read(session)? {
        is_empty &= guests.is_empty();
        for guest in &guests {
            array.push(&value(guest));
        }
    }
    if is_empty {
        look_for_issuers(migration, session)?;
    }
    print(&array.finish())?;
    Ok(is_empty)
}

/// One of the issuers may have been forgotten. If there is nothing to report of two of whom nothing is known, their names
/// are a slip of the fingers.
fn look_for_issuers(migration: &Migration, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut look = |name: &IssuerName| session.ask(&IssuerShow(Some(name.clone()))).map(drop);
    look(&migration.from).or_else(|failure| look(&migration.to).map_err(|_| failure))
}

fn row(guest: &MovedGuest, now: UnixTime, output: &Output) -> Vec<Cell> {
    let id = |id: &Option<String>| match id {
        Some(id) if output.width.is_some() => Cell::new(tail(id)),
        Some(id) => Cell::new(id),
        None => Cell::painted("-", Paint::Faint),
    };
    let (word, paint) = match PersonId::of(guest) {
        PersonId::Same => ("same", Paint::Good),
        PersonId::Changed => ("changed", Paint::Notable),
        PersonId::Unknown => ("not known", Paint::Faint),
    };
    vec![
        Cell::new(guest.subject.as_str()),
        Cell::new(guest.display_name.as_str()),
        Cell::new(time::relative(guest.at, now)).or_short(time::roughly(guest.at, now)),
        id(&guest.before.person_id),
        id(&guest.after.person_id),
        Cell::painted(word, paint),
    ]
}

/// The end of a person id, by which it is told from others.
fn tail(id: &str) -> String {
    let left_out = id.chars().count().saturating_sub(SHOWN);
    if left_out == 0 {
        id.to_owned()
    } else {
        format!("…{}", id.chars().skip(left_out).collect::<String>())
    }
}

fn value(guest: &MovedGuest) -> Value {
    json!({
        "subject": guest.subject.as_str(),
        "display_name": guest.display_name.as_str(),
        "from": guest.migration.from.as_str(),
        "to": guest.migration.to.as_str(),
        "moved_at": time::rfc3339(guest.at),
        "person_id_before": guest.before.person_id,
        "person_id_after": guest.after.person_id,
        "person_id_is_same": PersonId::of(guest).is_same(),
        "email_before": guest.before.email,
        "email_after": guest.after.email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_id_the_end_is_shown() {
        assert_eq!(tail("Y2lzY29zcGFyazovL3VzL1BFT1BMRS8xMjM0"), "…T1BMRS8xMjM0");
        assert_eq!(tail("123456789012"), "123456789012");
        assert_eq!(tail(""), "");
    }
}
