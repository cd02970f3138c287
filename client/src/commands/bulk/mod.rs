//! `gi add --from`: many guests at once.

mod comma;
mod json;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use guestissuer_client::proto::request::{AddGuest, GuestRef};
use guestissuer_client::proto::response::GuestDetail;
use guestissuer_client::proto::{Failure, FailureCode, IssuerName, UnixTime};
use guestissuer_client::{Answered, IssuerShow};
use serde_json::{Value, json};

use super::crew::{self, Tally, Task};
use crate::cli::Format;
use crate::output::{Output, print};
use crate::session::Session;
use source::{Contents, Listed, Wrong};

/// So many lines that cannot be used are told of. They tend to be wrong in the same way.
const TOLD: usize = 20;

/// What `gi add --from` was told about all guests of the file.
pub(super) struct Terms {
    pub(super) issuer: Option<IssuerName>,
    pub(super) pin: bool,
}

pub(super) fn add(
    place: &Path,
    terms: &Terms,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<(), Failure> {
    let contents = source::read(place)?;
    let guests = checked(contents, terms, output)?;
    let issuers: BTreeSet<_> = guests.iter().map(|guest| guest.issuer.clone()).collect();
    let mut began = None;
    // Tells of a name that is wrong before anything is done, and starts the daemon once if need be.
    for issuer in issuers {
        let Answered { now, .. } = session.ask(&IssuerShow(issuer))?;
        began = began.or(Some(now));
    }
    let Some(began) = began else {
        output.message("no guests to add");
        return report(&Tally::default(), &guests, output);
    };
    let issuer = guests.first().and_then(|guest| guest.issuer.clone());
    let tally = crew::run(&Adding { began, issuer }, &guests, session, output);
    report(&tally, &guests, output)
}

/// Adding guests.
struct Adding {
    /// What was minted after this was minted now.
    began: UnixTime,
    /// That of the first guest.
    issuer: Option<IssuerName>,
}

/// How a guest ended that has a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Added {
    /// It was minted for it.
    Minted,
    /// It had a valid one.
    HadToken,
}

impl Task for Adding {
    type Item = Listed;
    type Ask = AddGuest;
    type Done = Added;

    fn ask(&self, guest: &Listed) -> AddGuest {
        let reference = GuestRef { subject: guest.subject.clone(), issuer: guest.issuer.clone() };
        AddGuest { guest: reference, name: guest.name.clone(), pinned: guest.pin }
    }

    fn done(&self, guest: GuestDetail) -> Added {
        let is_new = guest.issued_at.is_some_and(|issued_at| issued_at >= self.began);
        if is_new { Added::Minted } else { Added::HadToken }
    }

    fn excused(&self, _failure: &Failure) -> Option<Added> {
        None
    }

    fn is_proof(&self, added: &Added) -> bool {
        *added == Added::Minted
    }

    fn issuers(&self) -> Vec<Option<IssuerName>> {
        vec![self.issuer.clone()]
    }
}

/// The guests, if all of the file makes sense.
fn checked(contents: Contents, terms: &Terms, output: &Output) -> Result<Vec<Listed>, Failure> {
    let Contents { mut guests, wrong, ignored } = contents;
    if !wrong.is_empty() {
        return Err(unusable(&wrong, output));
    }
    if !ignored.is_empty() {
        let words: Vec<_> = ignored.into_iter().collect();
        output.warning(&format!("ignored what is not subject, name, pin or issuer: {}", words.join(", ")));
    }
    for guest in &mut guests {
        guest.pin |= terms.pin;
        guest.issuer = terms.issuer.clone().or(guest.issuer.take());
    }
    let mut undocumented = guests.iter().filter(|guest| !guest.subject.is_documented());
    if let Some(first) = undocumented.next() {
        output.warning(&format!(
            "{} of the subjects, such as {:?}, have characters beyond letters, digits and hyphens, which Webex does not \
             document",
            undocumented.count() + 1,
            first.subject.as_str()
        ));
    }
    Ok(guests)
}

fn unusable(wrong: &[Wrong], output: &Output) -> Failure {
    for Wrong { line, message } in wrong.iter().take(TOLD) {
        output.complaint(&format!("line {line}: {message}"));
    }
    let told = wrong.iter().take(TOLD);
    let lines = told.map(|Wrong { line, message }| json!({ "line": line, "message": message })).collect();
    output.fails_with("lines", Value::Array(lines));
    let what = match wrong.len() {
        1 => "1 line cannot be used".to_owned(),
        many if many > TOLD => format!("{many} lines cannot be used, of which the first {TOLD} were told"),
        many => format!("{many} lines cannot be used"),
    };
    Failure::new(FailureCode::Usage, format!("{what}; nothing was added")).with_hint(
        "a line is subject,name or subject,name,pin; or JSON: {\"subject\":\"1\",\"name\":\"Ann\"}",
    )
}

/// Says how it went, which is a failure if anything failed.
fn report(tally: &Tally<Added>, guests: &[Listed], output: &Output) -> Result<(), Failure> {
    let (total, done) = (guests.len(), tally.tried());
    let minted = tally.done.iter().filter(|added| **added == Added::Minted).count();
    let had_token = tally.done.len() - minted;
    let failed: Vec<_> =
        tally.failed.iter().filter_map(|(at, failure)| Some((guests.get(*at)?, failure))).collect();
    for (guest, failure) in &failed {
        output.complaint(&format!("line {}: {}: {}", guest.line, guest.subject, failure.message));
    }
    let described = json!({
        "total": total,
        "minted": minted,
        "had_token": had_token,
        "failed": failed.iter().map(|(guest, failure)| json!({
            "line": guest.line,
            "subject": guest.subject.as_str(),
            "code": failure.code.as_str(),
            "message": failure.message,
        })).collect::<Vec<_>>(),
    });
    let reached = if tally.ended_by.is_some() { format!("{done} of {total}") } else { total.to_string() };
    let guests = if total == 1 { "guest" } else { "guests" };
    let counts = format!(
        "added {reached} {guests}: {minted} minted, {had_token} had a token already, {} failed",
        failed.len()
    );
    let Some((_, first)) = failed.first() else {
        if total > 0 {
            output.message(&counts);
        }
        if output.format == Format::Json {
            print(&crate::output::json::line(&described))?;
        }
        return Ok(());
    };
    output.fails_with("report", described);
    Err(match &tally.ended_by {
        Some(end) => crew::stopped(&counts, end),
        None => Failure::new(first.code, counts)
            .with_hint("try those again with the same command: guests that have a token are not minted for"),
    })
}
