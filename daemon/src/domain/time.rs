//! Time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use guestissuer_proto::UnixTime;

/// Time since this machine started, the time it slept included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub Duration);

/// One moment on two clocks.
///
/// The wall clock says when tokens expire but can be set back; the boot clock cannot, and counts sleep, but means
/// nothing after a restart of the machine. Where they disagree, the one that says "expired" is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: UnixTime,
    /// The boot clock.
    pub boot: BootTime,
}

impl Moment {
    /// The same two clocks `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self { wall: self.wall.saturating_add(span), boot: BootTime(self.boot.0.saturating_add(span)) }
    }
}

/// Where the daemon learns what time it is.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> Moment;
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { wall: wall_clock(), boot: boot_clock() }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_clock() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(0).saturating_add(since_epoch)
}

fn boot_clock() -> BootTime {
    #[cfg(target_os = "linux")]
    const COUNTS_SLEEP: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    // On macOS this one goes on while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    const COUNTS_SLEEP: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(COUNTS_SLEEP);
    BootTime(Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0)))
}
