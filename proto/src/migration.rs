//! Moving guests from one issuer to another, such as from a Guest Issuer to a Service App.

use serde::{Deserialize, Serialize};

use crate::response::IssuerKind;
use crate::{DisplayName, IssuerName, Subject, UnixTime};

/// From where to where guests are moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Migration {
    /// The issuer whose guests they are.
    pub from: IssuerName,
    /// The issuer whose guests they become.
    pub to: IssuerName,
}

/// See [`Request::MigrationPlan`](crate::Request::MigrationPlan).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PlanMigration {
    /// From where to where.
    pub migration: Migration,
    /// Only guests whose subject or name this glob (`*`, `?`, `[a-z]`) matches.
    pub pattern: Option<String>,
    /// Ask Webex for the person ids that are not known.
    pub asks_for_ids: bool,
}

/// What moving guests would take. Nothing was sent to Webex to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MigrationPlan {
    /// What kind of application the guests leave.
    pub from_kind: IssuerKind,
    /// What kind of application takes them.
    pub to_kind: IssuerKind,
    /// Whether the issuer they leave is the default one.
    pub from_is_default: bool,
    /// How many guests are to be moved.
    pub guests: u64,
    /// How many other guests the issuer has, which the pattern does not match.
    pub others: u64,
    /// How many guests were moved before.
    pub moved: u64,
    /// To how many of those to be moved the new issuer has a guest of the same subject already.
    pub in_both: u64,
    /// How many tokens the new issuer mints.
    pub mints: u64,
    /// Of how many guests to be moved the person id is known.
    pub ids_known: u64,
    /// For how many person ids Webex is asked.
    pub ids_asked: u64,
    /// How many tokens the old issuer mints so that Webex can be asked.
    pub mints_for_ids: u64,
    /// How many requests a second each issuer sends at most.
    pub requests_per_second: u32,
    /// How many milliseconds that takes at least.
    pub at_least_ms: u64,
}

/// See [`Request::MigrateGuest`](crate::Request::MigrateGuest).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MigrateGuest {
    /// From where to where.
    pub migration: Migration,
    /// Which guest.
    pub subject: Subject,
    /// Ask Webex for its person id before it is moved, if that is not known.
    pub asks_for_ids: bool,
}

/// Who a guest is to Webex, as far as known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Identity {
    /// The id of the person.
    pub person_id: Option<String>,
    /// The person's address.
    pub email: Option<String>,
}

/// A guest that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MovedGuest {
    /// The place in the order of moves.
    pub number: u64,
    /// Which guest.
    pub subject: Subject,
    /// What it is called.
    pub display_name: DisplayName,
    /// From where to where it was moved.
    pub migration: Migration,
    /// When.
    pub at: UnixTime,
    /// Who it was to Webex before.
    pub before: Identity,
    /// Who it is to Webex since then.
    pub after: Identity,
}

/// See [`Request::MigrationEnd`](crate::Request::MigrationEnd).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MigrationEnd {
    /// How many guests the old issuer still has. Only if there are none does the new one take its place.
    pub left: u64,
    /// Whether the new issuer has become the default one.
    pub became_default: bool,
}

/// See [`Request::MovedList`](crate::Request::MovedList).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ListMoved {
    /// Only guests that were moved from the issuer of this name, which may have been forgotten since.
    pub from: Option<IssuerName>,
    /// Only guests that were moved to the issuer of this name.
    pub to: Option<IssuerName>,
    /// Only guests of this subject.
    pub subject: Option<Subject>,
    /// Go on after this number, which the page before named.
    pub after: Option<u64>,
    /// How many guests at most, 1 to [`MAX_PAGE`](crate::request::MAX_PAGE).
    pub limit: u16,
}

/// Guests that were moved, the first of them first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MovedPage {
    /// The guests.
    pub guests: Vec<MovedGuest>,
    /// After which number the next page starts, if there is one.
    pub next: Option<u64>,
}

/// How far moving the guests of an issuer has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MigrationState {
    /// From where to where.
    pub migration: Migration,
    /// How many guests were moved.
    pub moved: u64,
    /// How many guests the old issuer still has.
    pub left: u64,
    /// When the last one was moved, if any was.
    pub last_at: Option<UnixTime>,
    /// Whether the new issuer has taken the old one's place: a guest that is asked of the old one is the new one's.
    pub is_complete: bool,
}
