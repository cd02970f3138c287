//! When to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Triggers `stop` at the first SIGTERM, SIGINT or SIGHUP. Runs inside a tokio runtime, in a task of its own.
pub async fn on_signal(stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
        () = stop.cancelled() => return Ok(()),
    }
    tracing::info!("asked to end by a signal");
    stop.cancel();
    Ok(())
}
