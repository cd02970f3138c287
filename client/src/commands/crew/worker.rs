//! The workers: each takes item after item and asks the daemon, and all of them wait when Webex wants that.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guestissuer_client::proto::{Failure, FailureCode};

use super::Task;
use super::trouble::pause_after;
use crate::session::Session;

/// What a worker tells.
pub(super) enum News<Done> {
    /// This item of the list was tried to the end.
    Ended(usize, Result<Done, Failure>),
    /// Nothing is sent for so long, because of a failure of this kind.
    Pause(Duration, FailureCode),
}

/// What all workers have in common.
pub(super) struct Work<'a, T: Task> {
    pub(super) task: &'a T,
    pub(super) items: &'a [T::Item],
    next: AtomicUsize,
    pace: Mutex<Pace>,
    changed: Condvar,
}

#[derive(Default)]
struct Pace {
    /// Nobody asks for anything before this.
    go_on_at: Option<Instant>,
    is_over: bool,
}

impl<'a, T: Task> Work<'a, T> {
    pub(super) fn new(task: &'a T, items: &'a [T::Item]) -> Self {
        Self { task, items, next: AtomicUsize::new(0), pace: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes item after item until there are no more, or no point in going on.
    pub(super) fn run(&self, session: &mut Session<'_>, news: &SyncSender<News<T::Done>>) {
        while self.may_go_on() {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(at) else { return };
            let Some(outcome) = self.try_one(item, session, news) else { return };
            if news.send(News::Ended(at, outcome)).is_err() {
                return;
            }
        }
    }

    /// Lets nobody begin anything more.
    pub(super) fn stop(&self) {
        self.pace().is_over = true;
        self.changed.notify_all();
    }

    /// Tries an item as often as that makes sense; nothing if it was not tried to the end.
    fn try_one(
        &self,
        item: &T::Item,
        session: &mut Session<'_>,
        news: &SyncSender<News<T::Done>>,
    ) -> Option<Result<T::Done, Failure>> {
        let ask = self.task.ask(item);
        let mut tries = HashMap::new();
        let begin = Instant::now();
        loop {
            session.start_anew();
            let failure = match session.ask(&ask) {
                Ok(answered) => return Some(Ok(self.task.done(answered.value))),
                Err(failure) => failure,
            };
            if let Some(done) = self.task.excused(&failure) {
                return Some(Ok(done));
            }
            let tries = tries.entry(failure.code).or_insert(0);
            *tries += 1;
            let Some(pause) = pause_after(&failure, *tries, begin.elapsed() < session.timeout()) else {
                return Some(Err(failure));
            };
            if !pause.is_zero() {
                self.pause(pause);
                news.send(News::Pause(pause, failure.code)).ok()?;
            }
            if !self.may_go_on() {
                return None;
            }
        }
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pace = self.pace();
        pace.go_on_at = Some(pace.go_on_at.map_or(until, |earlier| earlier.max(until)));
    }

    /// Waits for the end of a pause; whether there is a point in going on.
    fn may_go_on(&self) -> bool {
        let mut pace = self.pace();
        loop {
            let left = pace.go_on_at.map(|at| at.saturating_duration_since(Instant::now()));
            match left.filter(|left| !left.is_zero() && !pace.is_over) {
                Some(left) => {
                    let waited = self.changed.wait_timeout(pace, left);
                    pace = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => return !pace.is_over,
            }
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
