//! Keeps tokens from expiring: takes what is due from the store's schedule, in order, and sleeps until more is.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::domain::time::{Clock, Moment};

/// Longest nap between two looks at the wall clock.
///
/// Tokens expire by wall time, but timers stand still while a laptop sleeps. Thirty seconds bound how late that is
/// noticed, at the cost of two wake-ups a minute.
const MAX_NAP: Duration = Duration::from_secs(30);

/// Shortest nap, so that a schedule that cannot be worked off does not keep a processor busy.
const MIN_NAP: Duration = Duration::from_millis(20);

/// How far the clocks may disagree over a nap before it is worth a line in the journal.
const NOTABLE_JUMP: Duration = Duration::from_secs(5);

/// Refreshes until told to stop.
pub async fn run(broker: Arc<Broker>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut before = clock.now();
    loop {
        let pass = broker.refresh_due().await;
        let now = clock.now();
        let nap = pass.next_due.map_or(MAX_NAP, |due| due.since(now.wall).clamp(MIN_NAP, MAX_NAP));
        tokio::select! {
            () = stop.cancelled() => return,
            () = broker.schedule_change() => {}
            () = tokio::time::sleep(nap) => {}
        }
        let after = clock.now();
        note_jump(before, after);
        before = after;
    }
}

/// Says so if the wall clock was set, or the machine slept.
fn note_jump(before: Moment, after: Moment) {
    let by_boot = after.boot.0.saturating_sub(before.boot.0);
    let expected = before.wall.saturating_add(by_boot);
    if expected.since(after.wall).max(after.wall.since(expected)) > NOTABLE_JUMP {
        tracing::warn!("the wall clock was set");
    } else if by_boot > MAX_NAP + NOTABLE_JUMP {
        tracing::info!(for_s = by_boot.as_secs(), "the machine slept");
    }
}
