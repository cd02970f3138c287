//! What moving guests would take, found out without asking Webex.

use guestissuer_proto::Failure;
use guestissuer_proto::migration::{MigrationPlan, PlanMigration};
use guestissuer_proto::response::IssuerKind;

use super::super::Broker;
use crate::store::{StoreError, issuers as issuer_rows, moved};

/// Milliseconds in a second.
const SECOND: u64 = 1_000;

impl Broker {
    /// Counts what moving guests would take.
    pub async fn plan_migration(&self, ask: PlanMigration) -> Result<MigrationPlan, Failure> {
        let PlanMigration { migration, pattern, asks_for_ids } = ask;
        let ends = self.ends(&migration).await?;
        ends.to.minting.as_ref().map_err(Clone::clone)?;
        let (route, now) = (ends.route(), self.now());
        let to_name = route.to_name.clone();
        let (whole, count, departed) = self
            .read(move |rows| {
                Ok::<_, StoreError>((
                    issuer_rows::count_guests(rows, route.from)?,
                    moved::survey(rows, &route, pattern.as_deref(), now)?,
                    moved::departed(rows, route.from)?,
                ))
            })
            .await?;
        let moved = departed.into_iter().find(|gone| gone.to == to_name).map_or(0, |gone| gone.guests);
        let mints = count.guests.saturating_sub(count.served);
        let (ids_asked, mints_for_ids) =
            if asks_for_ids { (count.unknown, count.unknown_without_token) } else { (0, 0) };
        let requests_per_second = self.settings.mints_per_second;
        // A Guest Issuer's answers do not say who it is, so that is asked for as well.
        // Each issuer has a line of its own, and both go on at the same time. Those of the first second are not waited for.
        let asked_after =
            if asks_for_ids && ends.to.issuer.kind == IssuerKind::GuestIssuer { mints } else { 0 };
        let longest = mints.saturating_add(asked_after).max(ids_asked.saturating_add(mints_for_ids));
        let waited_for = longest.saturating_sub(u64::from(requests_per_second));
        Ok(MigrationPlan {
            from_kind: ends.from.issuer.kind,
            to_kind: ends.to.issuer.kind,
            from_is_default: ends.from.issuer.is_default,
            guests: count.guests,
            others: whole.saturating_sub(count.guests),
            moved,
            in_both: count.in_both,
            mints,
            ids_known: count.guests.saturating_sub(count.unknown),
            ids_asked,
            mints_for_ids,
            requests_per_second,
            at_least_ms: waited_for.saturating_mul(SECOND) / u64::from(requests_per_second.max(1)),
        })
    }
}
