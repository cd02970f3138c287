//! `gi add --from`: many guests at once.

mod comma;
mod json;
mod sender;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use guestissuer_client::proto::{Failure, FailureCode, IssuerName};
use guestissuer_client::{Answered, IssuerShow};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::output::progress::Bar;
use crate::output::{Output, print};
use crate::session::Session;
use sender::{CONNECTIONS, News, Outcome, Trouble, Work};
use source::{Contents, Listed, Wrong};

/// So many lines that cannot be used are told of. They tend to be wrong in the same way.
const TOLD: usize = 20;

/// How often the bar is drawn, at least.
const TICK: Duration = Duration::from_millis(200);

/// If nothing was done for so long, the daemon is asked whether Webex wants it to wait.
const STALL: Duration = Duration::from_secs(1);

/// How many pieces of news may wait.
const BACKLOG: usize = 64;

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
    let work = Work::new(&guests, began);
    let (sender, news) = sync_channel(BACKLOG);
    let tally = std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(guests.len()) {
            let (sender, work, mut session) = (sender.clone(), &work, session.another());
            scope.spawn(move || work.run(&mut session, &sender));
        }
        // The news end when all workers have.
        drop(sender);
        follow(&news, &work, session.another(), output)
    });
    report(&tally, &guests, output)
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

/// How far it got.
#[derive(Default)]
struct Tally {
    minted: usize,
    had_token: usize,
    /// By their places in the list.
    failed: BTreeMap<usize, Failure>,
    /// What ended it all, if it did not come to its end.
    ended_by: Option<Failure>,
}

impl Tally {
    fn done(&self) -> usize {
        self.minted + self.had_token + self.failed.len()
    }
}

/// Counts, and shows how far it got, until the workers have ended.
fn follow(news: &Receiver<News>, work: &Work<'_>, mut inquiry: Session<'_>, output: &Output) -> Tally {
    let mut tally = Tally::default();
    let mut trouble = Trouble::default();
    let mut pace = Pace::default();
    let total = work.guests.len();
    let bar = output.progress.bar(u64::try_from(total).unwrap_or(u64::MAX));
    loop {
        match news.recv_timeout(TICK) {
            Ok(News::Done(at, outcome)) => {
                pace.has_moved();
                let goes_on = trouble.goes_on_after(&outcome);
                match outcome {
                    Outcome::Minted => tally.minted += 1,
                    Outcome::HadToken => tally.had_token += 1,
                    Outcome::Failed(failure) => {
                        if !goes_on {
                            work.stop();
                            tally.ended_by.get_or_insert_with(|| failure.clone());
                        }
                        tally.failed.insert(at, failure);
                    }
                }
            }
            Ok(News::Pause(pause, code)) => pace.pauses_for(pause, code),
            Err(RecvTimeoutError::Timeout) if output.progress.is_watched() => {
                pace.look(work, &mut inquiry);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        show(&bar, &tally, &pace);
    }
    // A failure at the very end ends nothing.
    if tally.done() == total {
        tally.ended_by = None;
    }
    tally
}

/// Whether it goes on, and until when it does not.
struct Pace {
    moved_at: Instant,
    pauses_until: Option<(Instant, FailureCode)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { moved_at: Instant::now(), pauses_until: None }
    }
}

impl Pace {
    fn has_moved(&mut self) {
        *self = Self::default();
    }

    fn pauses_for(&mut self, pause: Duration, code: FailureCode) {
        let until = Instant::now() + pause;
        if self.pauses_until.is_none_or(|(earlier, _)| earlier < until) {
            self.pauses_until = Some((until, code));
        }
    }

    /// Asks the daemon what it waits for, if nothing moves. A short pause is waited for within the calls.
    fn look(&mut self, work: &Work<'_>, inquiry: &mut Session<'_>) {
        if self.pauses_until.is_some() || self.moved_at.elapsed() < STALL {
            return;
        }
        self.moved_at = Instant::now();
        let issuer = work.guests.first().and_then(|guest| guest.issuer.clone());
        inquiry.start_anew();
        // This is only to tell; what is wrong is found out elsewhere.
        let Ok(Answered { value: issuer, now, .. }) = inquiry.ask(&IssuerShow(issuer)) else { return };
        let until = issuer.paused_until.map_or(0, |until| until.0.saturating_sub(now.0));
        if let Ok(pause @ 1..) = u64::try_from(until) {
            self.pauses_for(Duration::from_millis(pause), FailureCode::RateLimited);
        }
    }
}

fn show(bar: &Bar<'_>, tally: &Tally, pace: &Pace) {
    let mut words = Vec::new();
    if !tally.failed.is_empty() {
        words.push(format!("{} failed", tally.failed.len()));
    }
    if let Some((until, code)) = pace.pauses_until {
        let left = until.saturating_duration_since(Instant::now()).as_secs() + 1;
        words.push(match code {
            FailureCode::RateLimited => format!("Webex asks to wait {left}s"),
            FailureCode::NoDaemon => "waiting for guestissuerd".to_owned(),
            FailureCode::Internal
            | FailureCode::Usage
            | FailureCode::UnknownGuest
            | FailureCode::UnknownIssuer
            | FailureCode::IssuerRejected
            | FailureCode::Unavailable
            | FailureCode::Deadline
            | FailureCode::Denied
            | FailureCode::Locked
            | FailureCode::Version => format!("trying again in {left}s"),
        });
    }
    bar.set(u64::try_from(tally.done()).unwrap_or(u64::MAX), words.join(", "));
}

/// Says how it went, which is a failure if anything failed.
fn report(tally: &Tally, guests: &[Listed], output: &Output) -> Result<(), Failure> {
    let (total, done) = (guests.len(), tally.done());
    let failed: Vec<_> =
        tally.failed.iter().filter_map(|(at, failure)| Some((guests.get(*at)?, failure))).collect();
    for (guest, failure) in &failed {
        output.complaint(&format!("line {}: {}: {}", guest.line, guest.subject, failure.message));
    }
    let described = json!({
        "total": total,
        "minted": tally.minted,
        "had_token": tally.had_token,
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
        "added {reached} {guests}: {} minted, {} had a token already, {} failed",
        tally.minted,
        tally.had_token,
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
        Some(end) => Failure {
            message: format!("{counts}; stopped, because there is no point in going on: {}", end.message),
            ..end.clone()
        },
        None => Failure::new(first.code, counts)
            .with_hint("try those again with the same command: guests that have a token are not minted for"),
    })
}
