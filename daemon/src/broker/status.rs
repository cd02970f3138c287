//! How the daemon does.

use std::sync::atomic::{AtomicU64, Ordering};

use guestissuer_proto::response::{Counters, Status};
use guestissuer_proto::{Failure, UnixTime};

use super::Broker;
use crate::store::{StoreError, guests as guest_rows};

impl Broker {
    /// Everything `gi status` shows. `protocol` is the version of the conversation that asks.
    pub async fn status(&self, protocol: u16) -> Result<Status, Failure> {
        let now = self.clock.now();
        let issuers = self.list_issuers().await?;
        let minting: Vec<_> = self.minting_issuers().iter().map(|entry| entry.issuer.id).collect();
        let (guests, last_failure, next_refresh_at) = self
            .read(move |rows| {
                let next =
                    minting.iter().map(|issuer| guest_rows::next_due(rows, *issuer, UnixTime(i64::MIN)));
                let next: Vec<Option<UnixTime>> = next.collect::<Result<_, StoreError>>()?;
                let next = next.into_iter().flatten().min();
                Ok((guest_rows::count(rows, now.wall)?, guest_rows::last_failure(rows)?, next))
            })
            .await?;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let uptime = now.boot.0.saturating_sub(self.started.boot.0);
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol,
            pid: std::process::id(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            socket: self.places.socket.display().to_string(),
            state_dir: self.places.state_dir.display().to_string(),
            protection: self.vault.protection(),
            last_success_at: issuers.iter().filter_map(|issuer| issuer.last_success_at).max(),
            issuers,
            guests,
            counters: Counters {
                gets: read(&self.counters.gets),
                hits: read(&self.counters.hits),
                mints: read(&self.counters.mints),
                mint_failures: read(&self.counters.mint_failures),
                coalesced: read(&self.counters.coalesced),
            },
            last_failure,
            next_refresh_at,
            clock_skew_ms: self.webex.clock_skew_ms(),
        })
    }

    /// Whether a guest is to be kept warm even when nobody asks.
    pub async fn has_pinned_guests(&self) -> Result<bool, Failure> {
        self.read(guest_rows::any_pinned).await
    }
}
