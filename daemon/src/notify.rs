//! Tells whoever started the daemon how it does: the service manager, or `gi`.

use std::fs::OpenOptions;

use sd_notify::NotifyState;

/// Clients are served from now on.
///
/// The service manager is told through `NOTIFY_SOCKET`. `gi`, which waits for the end of our standard output, sees it
/// end; nothing is ever written there.
pub fn ready() {
    tell(&[NotifyState::Ready]);
    let null = OpenOptions::new().write(true).open("/dev/null");
    if let Err(error) = null.and_then(|null| Ok(rustix::stdio::dup2_stdout(&null)?)) {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot let go of standard output");
    }
}

/// The daemon is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot notify the service manager");
    }
}
