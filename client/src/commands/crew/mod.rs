//! The same thing done with many guests, over several connections, at the pace that Webex allows.

mod trouble;
mod view;
mod worker;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use guestissuer_client::Ask;
use guestissuer_client::proto::{Failure, IssuerName};

use crate::output::Output;
use crate::session::Session;
use trouble::Trouble;
use view::View;
use worker::{News, Work};

/// How many are worked on at once. The daemon has sixteen mints in flight at most, and others want some too.
const CONNECTIONS: usize = 8;

/// How often the bar is drawn, at least.
const TICK: Duration = Duration::from_millis(200);

/// How many pieces of news may wait.
const BACKLOG: usize = 64;

/// What is done with each of many items.
pub(super) trait Task: Sync {
    /// One of them.
    type Item: Sync;
    /// What the daemon is asked for it. It is asked again after a failure that may pass.
    type Ask: Ask + Clone;
    /// How an item ended that did not fail.
    type Done: Send;

    /// What is asked for an item.
    fn ask(&self, item: &Self::Item) -> Self::Ask;

    /// How an item ended that was answered.
    fn done(&self, answer: <Self::Ask as Ask>::Answer) -> Self::Done;

    /// How an item ended for which this failure is none.
    fn excused(&self, failure: &Failure) -> Option<Self::Done>;

    /// Whether this shows that Webex does what it is asked for.
    fn is_proof(&self, done: &Self::Done) -> bool;

    /// The issuers whose pauses are shown: those named, or the default one.
    fn issuers(&self) -> Vec<Option<IssuerName>>;
}

/// How far it got.
pub(super) struct Tally<Done> {
    /// In no order.
    pub(super) done: Vec<Done>,
    /// By their places in the list.
    pub(super) failed: BTreeMap<usize, Failure>,
    /// What ended it all, if it did not come to its end.
    pub(super) ended_by: Option<Failure>,
}

impl<Done> Default for Tally<Done> {
    fn default() -> Self {
        Self { done: Vec::new(), failed: BTreeMap::new(), ended_by: None }
    }
}

impl<Done> Tally<Done> {
    /// How many were tried to the end.
    pub(super) fn tried(&self) -> usize {
        self.done.len() + self.failed.len()
    }
}

/// The failure of a run that ended early, after so much was done.
pub(super) fn stopped(counts: &str, end: &Failure) -> Failure {
    let message = format!("{counts}; stopped, because there is no point in going on: {}", end.message);
    Failure { message, ..end.clone() }
}

/// Does it with all items, or with as many as there is a point in.
pub(super) fn run<T: Task>(
    task: &T,
    items: &[T::Item],
    session: &Session<'_>,
    output: &Output,
) -> Tally<T::Done> {
    let work = Work::new(task, items);
    let (sender, news) = sync_channel(BACKLOG);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(items.len()) {
            let (sender, work, mut session) = (sender.clone(), &work, session.another());
            scope.spawn(move || work.run(&mut session, &sender));
        }
        // The news end when all workers have.
        drop(sender);
        follow(&news, &work, session.another(), output)
    })
}

/// Counts, and shows how far it got, until the workers have ended.
fn follow<T: Task>(
    news: &Receiver<News<T::Done>>,
    work: &Work<'_, T>,
    mut inquiry: Session<'_>,
    output: &Output,
) -> Tally<T::Done> {
    let mut tally = Tally::default();
    let mut trouble = Trouble::default();
    let mut view = View::new(work.items.len(), output);
    loop {
        match news.recv_timeout(TICK) {
            Ok(News::Ended(at, outcome)) => {
                view.has_moved();
                match outcome {
                    Ok(done) => {
                        if work.task.is_proof(&done) {
                            trouble.ends();
                        }
                        tally.done.push(done);
                    }
                    Err(failure) => {
                        if !trouble.goes_on_after(&failure) {
                            work.stop();
                            tally.ended_by.get_or_insert_with(|| failure.clone());
                        }
                        tally.failed.insert(at, failure);
                    }
                }
            }
            Ok(News::Pause(pause, code)) => view.pauses_for(pause, code),
            Err(RecvTimeoutError::Timeout) if output.progress.is_watched() => {
                view.look(work.task, &mut inquiry);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        view.show(tally.tried(), tally.failed.len());
    }
    // A failure at the very end ends nothing.
    if tally.tried() == work.items.len() {
        tally.ended_by = None;
    }
    tally
}
