//! `gi list`.

use std::collections::{HashMap, HashSet};

use guestissuer_client::proto::request::{ListGuests, MAX_PAGE, PageKey};
use guestissuer_client::proto::response::{GuestDetail, GuestSummary, TokenState};
use guestissuer_client::proto::{Failure, IssuerName, Subject, UnixTime};
use guestissuer_client::{Answered, ListDetails};

use super::show::{life, state};
use crate::cli::{Format, List};
use crate::output::table::{Cell, Column, Table};
use crate::output::{Flow, Output, Paint, json, print, time};
use crate::session::Session;

const COLUMNS: [Column; 9] = [
    Column::new("GUEST").cut_to(8),
    Column::new("NAME").cut_to(8),
    Column::new("ISSUER").cut_to(6).left_out(3),
    Column::new("TOKEN"),
    Column::new("LIFE").left_out(2).on_terminals(),
    Column::new("EXPIRES"),
    Column::new("REFRESH").left_out(4),
    Column::new("LAST USED").left_out(5),
    Column::new("PROBLEM").cut_to(16).left_out(1).on_terminals(),
];

/// How many guests are put in order by what needs attention. Of more, only those that fail come first: the first lines
/// are to be there at once, and memory is not to grow with the list.
const SORTED: usize = 1_000;

pub(super) fn list(list: List, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let ask = ListGuests {
        pattern: list.pattern,
        issuer: list.issuer,
        expiring_within_ms: list
            .expiring
            .map(|span| u64::try_from(span.as_duration().as_millis()).unwrap_or(u64::MAX)),
        failing: list.failing,
        after: None,
        limit: MAX_PAGE,
    };
    if output.format == Format::Json {
        return list_as_json(ask, session);
    }
    let Some(counted) = list_as_table(ask, session, output)? else { return Ok(()) };
    let (guests, failing) = (counted.guests, counted.failing);
    let of_them = if failing > 0 { format!(", {failing} failing") } else { String::new() };
    match guests {
        0 => output.message("no guests"),
        1 => output.summary(&format!("1 guest{of_them}")),
        guests => output.summary(&format!("{guests} guests{of_them}")),
    }
    Ok(())
}

/// How many guests were listed.
#[derive(Default)]
struct Counted {
    guests: usize,
    failing: usize,
}

impl Counted {
    fn count(&mut self, guests: &[GuestDetail]) {
        self.guests += guests.len();
        self.failing += guests.iter().filter(|guest| guest.summary.last_error.is_some()).count();
    }
}

/// Some guests, and where the list goes on.
struct Stretch {
    guests: Vec<GuestDetail>,
    now: UnixTime,
    next: Option<PageKey>,
}

impl Stretch {
    /// Reads until there are enough guests, or no more.
    fn read(session: &mut Session<'_>, mut ask: ListGuests, enough: usize) -> Result<Self, Failure> {
        let mut guests = Vec::new();
        loop {
            // The time is for an answer, and not for as long as somebody reads the list.
            session.start_anew();
            let Answered { value: page, now, .. } = session.ask(&ListDetails(ask.clone()))?;
            guests.extend(page.guests);
            if page.next.is_none() || guests.len() >= enough {
                return Ok(Self { guests, now, next: page.next });
            }
            ask.after = page.next;
        }
    }
}

/// Prints the guests; how many, unless the reader went away.
fn list_as_table(
    mut ask: ListGuests,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<Option<Counted>, Failure> {
    let mut counted = Counted::default();
    let mut stretch = Stretch::read(session, ask.clone(), SORTED)?;
    let mut shown = Shown::default();
    if stretch.next.is_none() {
        sort_by_attention(&mut stretch.guests);
    } else {
        let mut first = Stretch::read(session, ListGuests { failing: true, ..ask.clone() }, SORTED)?.guests;
        sort_by_attention(&mut first);
        for guest in &first {
            shown.insert(guest);
        }
        first.extend(stretch.guests.into_iter().filter(|guest| !shown.contains(guest)));
        stretch.guests = first;
    }
    let mut table = Table::new(&COLUMNS);
    loop {
        counted.count(&stretch.guests);
        if counted.guests == 0 && stretch.next.is_none() {
            return Ok(Some(counted));
        }
        let rows = stretch.guests.iter().map(|guest| row(guest, stretch.now, output)).collect();
        if print(&table.rows(rows, output))? == Flow::Enough {
            return Ok(None);
        }
        let Some(next) = stretch.next else { return Ok(Some(counted)) };
        ask.after = Some(next);
        stretch = Stretch::read(session, ask.clone(), 1)?;
        stretch.guests.retain(|guest| !shown.contains(guest));
    }
}

fn list_as_json(mut ask: ListGuests, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut array = json::Array::default();
    loop {
        let stretch = Stretch::read(session, ask.clone(), 1)?;
        for guest in &stretch.guests {
            array.push(&json::listed_guest(guest, stretch.now));
        }
        if stretch.next.is_none() {
            print(&array.finish())?;
            return Ok(());
        }
        ask.after = stretch.next;
    }
}

/// The guests that came first, at most [`SORTED`] of them, by their issuers.
#[derive(Default)]
struct Shown(HashMap<IssuerName, HashSet<Subject>>);

impl Shown {
    fn insert(&mut self, guest: &GuestDetail) {
        let subjects = self.0.entry(guest.summary.issuer.clone()).or_default();
        subjects.insert(guest.summary.subject.clone());
    }

    fn contains(&self, guest: &GuestDetail) -> bool {
        self.0.get(&guest.summary.issuer).is_some_and(|subjects| subjects.contains(&guest.summary.subject))
    }
}

/// How much a guest needs to be looked at; the first one most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attention {
    /// It has no valid token, and none can be had.
    Down,
    /// It still has one, and no new one can be had.
    Failing,
    /// It has none, and one is to be minted.
    Planned,
    /// Its refresh is due.
    Due,
    /// All is well.
    Fresh,
    /// It has none, and nobody asks for one.
    Idle,
}

fn attention(guest: &GuestSummary) -> Attention {
    let is_valid = match guest.token_state {
        TokenState::Fresh | TokenState::Due => true,
        TokenState::Expired | TokenState::None => false,
    };
    match (guest.last_error.is_some(), is_valid, guest.refresh_at.is_some()) {
        (true, false, _) => Attention::Down,
        (true, true, _) => Attention::Failing,
        (false, false, true) => Attention::Planned,
        (false, false, false) => Attention::Idle,
        (false, true, true) if guest.token_state == TokenState::Due => Attention::Due,
        (false, true, _) => Attention::Fresh,
    }
}

/// Sorts guests that are in order of issuer and subject, which decides where all else is equal.
fn sort_by_attention(guests: &mut [GuestDetail]) {
    guests.sort_by_key(|guest| (attention(&guest.summary), guest.summary.expires_at));
}

fn row(guest: &GuestDetail, now: UnixTime, output: &Output) -> Vec<Cell> {
    let summary = &guest.summary;
    let (state, short, paint) = state(summary);
    let when = |at: Option<UnixTime>| match at {
        Some(at) if output.width.is_some() => {
            Cell::new(time::relative(at, now)).or_short(time::roughly(at, now))
        }
        Some(at) => Cell::new(time::relative(at, now)),
        None => Cell::painted("-", Paint::Faint),
    };
    let (bar, problem) = match output.width {
        Some(_) => (
            life(guest, now).map(|life| life.bar()).unwrap_or_default(),
            summary.last_error.as_ref().map(|error| error.failure.message.clone()).unwrap_or_default(),
        ),
        None => Default::default(),
    };
    vec![
        Cell::new(summary.subject.as_str()),
        Cell::new(summary.display_name.as_str()),
        Cell::new(summary.issuer.as_str()),
        Cell::painted(state, paint).or_short(short),
        Cell::painted(bar, paint),
        when(summary.expires_at),
        when(summary.refresh_at),
        when(summary.last_used_at),
        Cell::painted(problem, Paint::Bad),
    ]
}
