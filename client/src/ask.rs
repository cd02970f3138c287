//! Requests with the type of their answer.

use guestissuer_proto::app::{AppDetail, ShowApp};
use guestissuer_proto::direct::{
    Assertion, ExchangeAssertion, Exchanged, Person, QuickToken, SignAssertion, VerifyAssertion, VerifyToken,
};
use guestissuer_proto::migration::{
    ListMoved, MigrateGuest, Migration, MigrationEnd, MigrationPlan, MigrationState, MovedGuest, MovedPage,
    PlanMigration,
};
use guestissuer_proto::request::{
    AddGuest, GetToken, GuestRef, InvalidateToken, IssuerChange, IssuerRemoval, IssuerSpec, ListGuests,
    RenameGuest, SetPinned,
};
use guestissuer_proto::response::{
    Diagnosis, GuestDetail, GuestDetailPage, GuestPage, Invalidated, IssuerDetail, IssuerTested,
    Status as DaemonStatus, Token,
};
use guestissuer_proto::{IssuerName, Request, Response, Subject, UnixTime};

/// A request, and what answers it.
pub trait Ask {
    /// What answers it.
    type Answer;

    /// The request as it is sent.
    fn into_request(self) -> Request;

    /// The answer, if it is one to this request.
    fn from_response(response: Response) -> Option<Self::Answer>;
}

/// An answer, and what else the daemon said.
#[derive(Debug, Clone)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// The daemon's wall clock when it answered.
    pub now: UnixTime,
    /// Warnings for the user.
    pub notices: Vec<String>,
}

/// Asks for everything about one guest.
#[derive(Debug, Clone)]
pub struct ShowGuest(pub GuestRef);
/// Asks for a page of guests with more about each.
#[derive(Debug, Clone)]
pub struct ListDetails(pub ListGuests);
/// Asks Webex who a guest is.
#[derive(Debug, Clone)]
pub struct WhoAmI(pub GuestRef);
/// Asks the daemon to look for what is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Diagnose;
/// Asks to forget a guest.
#[derive(Debug, Clone)]
pub struct RemoveGuest(pub GuestRef);
/// Asks to store an issuer, if Webex accepts its credentials.
#[derive(Debug, Clone)]
pub struct IssuerAddChecked(pub IssuerSpec);
/// Asks to change an issuer, if Webex accepts its credentials.
#[derive(Debug, Clone)]
pub struct IssuerUpdateChecked(pub IssuerChange);
/// Asks for all issuers.
#[derive(Debug, Clone, Copy)]
pub struct IssuerList;
/// Asks for one issuer, or the default one.
#[derive(Debug, Clone)]
pub struct IssuerShow(pub Option<IssuerName>);
/// Asks to make an issuer the default one.
#[derive(Debug, Clone)]
pub struct IssuerDefault(pub IssuerName);
/// Asks whether Webex accepts an issuer, or the default one.
#[derive(Debug, Clone)]
pub struct IssuerTest(pub Option<IssuerName>);
/// Asks for the new issuer to take the place of the old one.
#[derive(Debug, Clone)]
pub struct EndMigration(pub Migration);
/// Asks how far each migration has come.
#[derive(Debug, Clone, Copy)]
pub struct Migrations;
/// Asks how the daemon does.
#[derive(Debug, Clone, Copy)]
pub struct Status;
/// Asks the daemon to end. The connection then stays open until it has; see
/// [`Client::wait_for_end`](crate::Client::wait_for_end).
#[derive(Debug, Clone, Copy)]
pub struct Stop;

/// Asks for a guest's token as `gi get` does: of the default issuer, valid for the configured minimum.
#[must_use]
pub fn get_token(subject: Subject) -> GetToken {
    GetToken { guest: GuestRef { subject, issuer: None }, name: None, min_validity_ms: None, force: false }
}

macro_rules! asks {
    ($($ask:ty => $answer:ty: |$this:ident| $request:expr, $response:pat => $value:expr;)*) => {$(
        impl Ask for $ask {
            type Answer = $answer;

            fn into_request(self) -> Request {
                let $this = self;
                $request
            }

            fn from_response(response: Response) -> Option<Self::Answer> {
                if let $response = response { Some($value) } else { None }
            }
        }
    )*};
}

asks! {
    GetToken => Token: |ask| Request::Get(ask), Response::Token(token) => token;
    ListGuests => GuestPage: |ask| Request::List(ask), Response::Guests(page) => page;
    ListDetails => GuestDetailPage: |ask| Request::ListDetails(ask.0), Response::GuestDetails(page) => page;
    ShowGuest => GuestDetail: |ask| Request::Show(ask.0), Response::Guest(guest) => *guest;
    AddGuest => GuestDetail: |ask| Request::Add(ask), Response::Guest(guest) => *guest;
    RenameGuest => GuestDetail: |ask| Request::Rename(ask), Response::Guest(guest) => *guest;
    SetPinned => GuestDetail: |ask| Request::SetPinned(ask), Response::Guest(guest) => *guest;
    RemoveGuest => GuestDetail: |ask| Request::Remove(ask.0), Response::Guest(guest) => *guest;
    IssuerSpec => IssuerDetail: |ask| Request::IssuerAdd(ask), Response::Issuer(issuer) => issuer;
    IssuerChange => IssuerDetail: |ask| Request::IssuerUpdate(ask), Response::Issuer(issuer) => issuer;
    IssuerAddChecked => IssuerDetail: |ask| Request::IssuerAddChecked(ask.0), Response::Issuer(issuer) => issuer;
    IssuerUpdateChecked => IssuerDetail: |ask| Request::IssuerUpdateChecked(ask.0), Response::Issuer(issuer) => issuer;
    ShowApp => AppDetail: |ask| Request::AppShow(ask), Response::App(app) => *app;
    IssuerRemoval => IssuerDetail: |ask| Request::IssuerRemove(ask), Response::Issuer(issuer) => issuer;
    IssuerList => Vec<IssuerDetail>: |_ask| Request::IssuerList, Response::Issuers(issuers) => issuers;
    IssuerShow => IssuerDetail: |ask| Request::IssuerShow(ask.0), Response::Issuer(issuer) => issuer;
    IssuerDefault => IssuerDetail: |ask| Request::IssuerDefault(ask.0), Response::Issuer(issuer) => issuer;
    IssuerTest => IssuerTested: |ask| Request::IssuerTest(ask.0), Response::IssuerTested(tested) => tested;
    Status => DaemonStatus: |_ask| Request::Status, Response::Status(status) => *status;
    InvalidateToken => Invalidated: |ask| Request::Invalidate(ask), Response::Invalidated(done) => done;
    WhoAmI => Person: |ask| Request::WhoAmI(ask.0), Response::Person(person) => *person;
    SignAssertion => Assertion: |ask| Request::Sign(ask), Response::Assertion(assertion) => assertion;
    ExchangeAssertion => Exchanged: |ask| Request::Exchange(ask), Response::Exchanged(token) => token;
    QuickToken => Exchanged: |ask| Request::Quick(ask), Response::Exchanged(token) => token;
    VerifyAssertion => bool: |ask| Request::VerifyAssertion(ask), Response::SignatureChecked(holds) => holds;
    VerifyToken => Person: |ask| Request::VerifyToken(ask), Response::Person(person) => *person;
    Diagnose => Diagnosis: |_ask| Request::Diagnose, Response::Diagnosis(diagnosis) => diagnosis;
    PlanMigration => MigrationPlan: |ask| Request::MigrationPlan(ask), Response::MigrationPlan(plan) => plan;
    MigrateGuest => MovedGuest: |ask| Request::MigrateGuest(ask), Response::Moved(guest) => *guest;
    EndMigration => MigrationEnd: |ask| Request::MigrationEnd(ask.0), Response::MigrationEnd(end) => end;
    ListMoved => MovedPage: |ask| Request::MovedList(ask), Response::MovedGuests(page) => page;
    Migrations => Vec<MigrationState>: |_ask| Request::Migrations, Response::Migrations(states) => states;
    Stop => (): |_ask| Request::Stop, Response::Done => ();
}
