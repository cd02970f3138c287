//! A word on what is waited for, when that takes a while and somebody watches.
//!
//! It never outlives what is waited for, and is out of the way whenever something else is printed. Nothing is done
//! about signals: the cursor is never hidden, so an interrupted program leaves no terminal to be repaired. On terminals
//! that cannot erase a line (`TERM` is `dumb` or absent) indicatif draws nothing.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// What takes no longer than this needs no word.
const PATIENCE: Duration = Duration::from_millis(500);

/// From one picture of the spinner to the next.
const TICK: Duration = Duration::from_millis(100);

const SPINNER: &str = "{spinner} {msg} {elapsed}";
const BAR: &str = "{bar:10} {pos}/{len} {msg}";
const WIDE_BAR: &str = "{bar:20} {pos}/{len}  {rate}  {eta} left  {msg}";
const BAR_CHARACTERS: &str = "▰▱";

/// On narrower terminals the bar says less.
const WIDE: u16 = 72;

/// Shows what is waited for, if there is somebody to see it.
pub(crate) struct Progress(Option<Arc<Shared>>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is waited for, and since when.
    wait: Option<(&'static str, Instant)>,
    /// What is on the terminal.
    drawn: Option<ProgressBar>,
    /// Whether there is a thread that draws. There is none before the first wait.
    has_thread: bool,
}

impl Progress {
    /// Nothing is ever shown unless `is_watched`.
    pub(crate) fn new(is_watched: bool) -> Self {
        let shared = || Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        Self(is_watched.then(shared))
    }

    /// Whether anything is ever shown.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Shows what is waited for until what is returned is dropped, if that takes a while. What was waited for before is
    /// waited for again then.
    pub(crate) fn wait_for(&self, what: &'static str) -> Wait<'_> {
        let before = self.0.as_ref().map(|shared| {
            let mut state = shared.lock();
            let before = state.wait;
            let since = before.map_or_else(Instant::now, |(_, since)| since);
            state.wait = Some((what, since));
            shared.begin(&mut state);
            before
        });
        Wait { progress: self, before: before.flatten() }
    }

    /// Prints something else, with the progress out of the way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        let drawn = self.0.as_ref().map(|shared| shared.lock());
        match drawn.as_ref().and_then(|state| state.drawn.as_ref()) {
            Some(drawn) => drawn.suspend(print),
            None => print(),
        }
    }

    /// A bar for so many things to be done.
    pub(crate) fn bar(&self, total: u64) -> Bar<'_> {
        Bar { progress: self, total, since: Instant::now() }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.has_thread, true) {
            let shared = Arc::clone(self);
            // Ends with the process. If there can be no thread, then there is no spinner.
            let _ = std::thread::Builder::new().spawn(move || shared.spin());
        }
        self.changed.notify_one();
    }

    fn spin(&self) {
        let mut state = self.lock();
        loop {
            let Some((what, since)) = state.wait else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = PATIENCE.saturating_sub(since.elapsed());
            if left.is_zero() {
                let spinner = state.drawn.get_or_insert_with(|| spinner(since));
                spinner.set_message(what);
                spinner.tick();
            }
            let nap = if left.is_zero() { TICK } else { left };
            state = self.changed.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Something is waited for, for as long as this exists.
#[must_use]
pub(crate) struct Wait<'a> {
    progress: &'a Progress,
    before: Option<(&'static str, Instant)>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(shared) = &self.progress.0 else { return };
        let mut state = shared.lock();
        state.wait = self.before;
        if state.wait.is_none() {
            erase(&mut state);
        }
    }
}

/// A bar on the terminal; erased when dropped.
pub(crate) struct Bar<'a> {
    progress: &'a Progress,
    total: u64,
    since: Instant,
}

impl Bar<'_> {
    /// Shows how many are done, and a few words.
    pub(crate) fn set(&self, done: u64, words: String) {
        let Some(shared) = &self.progress.0 else { return };
        if self.since.elapsed() < PATIENCE {
            return;
        }
        let mut state = shared.lock();
        let bar = state.drawn.get_or_insert_with(|| bar(self.total, self.since));
        bar.set_message(words);
        bar.set_position(done);
        bar.tick();
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        if let Some(shared) = &self.progress.0 {
            erase(&mut shared.lock());
        }
    }
}

fn erase(state: &mut State) {
    if let Some(drawn) = state.drawn.take() {
        drawn.finish_and_clear();
    }
}

fn spinner(since: Instant) -> ProgressBar {
    drawn(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), SPINNER, since)
}

fn bar(total: u64, since: Instant) -> ProgressBar {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
    let template = if columns < WIDE { BAR } else { WIDE_BAR };
    drawn(ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()), template, since)
}

fn drawn(bar: ProgressBar, template: &str, since: Instant) -> ProgressBar {
    // The templates are ours, and right.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
        // Text in memory takes what is written.
        let _ = write!(text, "{:.1}/s", state.per_sec());
    });
    bar.with_style(style.progress_chars(BAR_CHARACTERS)).with_elapsed(since.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [SPINNER, BAR, WIDE_BAR] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
