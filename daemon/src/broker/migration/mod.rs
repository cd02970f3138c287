//! Moving guests from one issuer to another.

use std::sync::Arc;

use guestissuer_proto::migration::*;
use guestissuer_proto::{Failure, FailureCode};
use tokio::time::Instant;

use super::Broker;

fn stub<T>() -> Result<T, Failure> {
    Err(Failure::new(FailureCode::Internal, "not yet"))
}

impl Broker {
    pub async fn plan_migration(&self, _: PlanMigration) -> Result<MigrationPlan, Failure> {
        stub()
    }
    pub async fn migrate_guest(self: &Arc<Self>, _: MigrateGuest, _: Instant) -> Result<MovedGuest, Failure> {
        stub()
    }
    pub async fn end_migration(&self, _: &Migration) -> Result<MigrationEnd, Failure> {
        stub()
    }
    pub async fn list_moved(&self, _: ListMoved) -> Result<MovedPage, Failure> {
        stub()
    }
    pub async fn migrations(&self) -> Result<Vec<MigrationState>, Failure> {
        stub()
    }
}
