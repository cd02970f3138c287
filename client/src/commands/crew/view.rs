//! How far it got, for somebody who watches, and what is waited for where nothing moves.

use std::time::{Duration, Instant};

use guestissuer_client::proto::FailureCode;
use guestissuer_client::{Answered, IssuerShow};

use super::Task;
use crate::output::Output;
use crate::output::progress::Bar;
use crate::session::Session;

/// If nothing was done for so long, the daemon is asked whether Webex wants it to wait.
const STALL: Duration = Duration::from_secs(1);

/// What is shown.
pub(super) struct View<'a> {
    bar: Bar<'a>,
    moved_at: Instant,
    pauses_until: Option<(Instant, FailureCode)>,
}

impl<'a> View<'a> {
    /// Of so many items, none is done.
    pub(super) fn new(total: usize, output: &'a Output) -> Self {
        let bar = output.progress.bar(u64::try_from(total).unwrap_or(u64::MAX));
        Self { bar, moved_at: Instant::now(), pauses_until: None }
    }

    pub(super) fn has_moved(&mut self) {
        self.moved_at = Instant::now();
        self.pauses_until = None;
    }

    pub(super) fn pauses_for(&mut self, pause: Duration, code: FailureCode) {
        let until = Instant::now() + pause;
        if self.pauses_until.is_none_or(|(earlier, _)| earlier < until) {
            self.pauses_until = Some((until, code));
        }
    }

    /// Asks the daemon what it waits for, if nothing moves. A short pause is waited for within the calls.
    pub(super) fn look<T: Task>(&mut self, task: &T, inquiry: &mut Session<'_>) {
        if self.pauses_until.is_some() || self.moved_at.elapsed() < STALL {
            return;
        }
        self.moved_at = Instant::now();
        for issuer in task.issuers() {
            inquiry.start_anew();
            // This is only to tell; what is wrong is found out elsewhere.
            let Ok(Answered { value: issuer, now, .. }) = inquiry.ask(&IssuerShow(issuer)) else { return };
            let until = issuer.paused_until.map_or(0, |until| until.0.saturating_sub(now.0));
            if let Ok(pause @ 1..) = u64::try_from(until) {
                self.pauses_for(Duration::from_millis(pause), FailureCode::RateLimited);
            }
        }
    }

    pub(super) fn show(&self, tried: usize, failed: usize) {
        let mut words = Vec::new();
        if failed > 0 {
            words.push(format!("{failed} failed"));
        }
        if let Some((until, code)) = self.pauses_until {
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
        self.bar.set(u64::try_from(tried).unwrap_or(u64::MAX), words.join(", "));
    }
}
