//! The journal: one line for each event, on stderr.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging at `level`. Under the journal, which adds time by itself, lines have none.
///
/// Libraries are heard only when they warn: their lower levels may show what they send.
pub fn start(level: LevelFilter, is_journal: bool) {
    let libraries = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_default(libraries)
        .with_target("guestissuer_daemon", level)
        .with_target("guestissuerd", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(!is_journal && std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    let started = if is_journal {
        registry.with(lines.without_time()).try_init()
    } else {
        registry.with(lines).try_init()
    };
    // Only a second call fails, and then the first one's settings stand.
    drop(started);
}
