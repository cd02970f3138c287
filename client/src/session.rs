//! One run of gi against the daemon: connects when needed, starts the daemon if there is none, keeps to the time.

use std::time::{Duration, Instant};

use guestissuer_client::proto::app::ShowApp;
use guestissuer_client::proto::request::GetToken;
use guestissuer_client::proto::{Failure, FailureCode, Request};
use guestissuer_client::{Answered, Ask, Client, Error, Places, Watch, Watched};

use crate::autostart;
use crate::cli::Global;
use crate::environment::Environment;
use crate::output::Output;

/// How often a call is made anew when the daemon went away before it answered.
const ATTEMPTS: u32 = 3;

/// A conversation with the daemon that lasts for one command.
pub(crate) struct Session<'a> {
    places: Places,
    environment: &'a Environment,
    output: &'a Output,
    timeout: Duration,
    /// Set when the daemon is first needed: what a person takes to type a secret does not count.
    deadline: Option<Instant>,
    starting: Starting,
    client: Option<Client>,
    has_told: bool,
    /// Whether what it waits for may be shown.
    shows_waits: bool,
}

/// Whether a daemon is started where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Starting {
    Allowed,
    /// Not for now: one is expected to come back by itself.
    Postponed,
    /// The user does not want it.
    Forbidden,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        global: &Global,
        environment: &'a Environment,
        output: &'a Output,
    ) -> Result<Self, Failure> {
        Ok(Self {
            places: Places::find(global.socket.as_deref())
                .map_err(|error| Failure::new(FailureCode::NoDaemon, error.to_string()))?,
            environment,
            output,
            timeout: global.timeout.as_duration(),
            deadline: None,
            starting: if global.no_autostart { Starting::Forbidden } else { Starting::Allowed },
            client: None,
            has_told: false,
            shows_waits: true,
        })
    }

    /// Another conversation, with a connection of its own, which never says anything by itself: many can go on at the
    /// same time.
    pub(crate) fn another(&self) -> Self {
        Self {
            places: self.places.clone(),
            environment: self.environment,
            output: self.output,
            timeout: self.timeout,
            deadline: None,
            starting: self.starting,
            client: None,
            has_told: true,
            shows_waits: false,
        }
    }

    /// The same conversation, without showing what it waits for.
    pub(crate) fn without_waits(self) -> Self {
        Self { shows_waits: false, ..self }
    }

    /// Gives the next call the whole time again.
    pub(crate) fn start_anew(&mut self) {
        self.deadline = None;
    }

    /// How much time each call has.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks the daemon, starting it if there is none. Its warnings are passed on once.
    ///
    /// A daemon that goes away without an answer, because it is being restarted, is asked anew when it is back.
    pub(crate) fn ask<A: Ask + Clone>(&mut self, ask: &A) -> Result<Answered<A::Answer>, Failure> {
        self.begin();
        let output = self.output;
        let shows_waits = self.shows_waits && output.progress.is_watched();
        let mut wait = shows_waits.then(|| output.progress.wait_for(waited_for(ask)));
        let mut attempt = 1;
        loop {
            let mut client = self.take_client()?;
            let answered = client.ask(ask.clone(), self.left());
            match answered {
                Ok(answered) => {
                    self.client = Some(client);
                    drop(wait.take());
                    self.pass_on(&answered.notices);
                    return Ok(answered);
                }
                Err(Error::Broken(_)) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                // The daemon said no, and can be asked something else.
                Err(Error::Failed(failure)) => {
                    self.client = Some(client);
                    return Err(failure);
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// Watches a guest, starting the daemon if there is none. The connection is the watch's from then on.
    pub(crate) fn watch(&mut self, ask: &GetToken) -> Result<(Watch, Answered<Watched>), Failure> {
        self.begin();
        let output = self.output;
        let _wait = self.shows_waits.then(|| output.progress.wait_for("minting…"));
        let mut attempt = 1;
        loop {
            let client = self.take_client()?;
            match client.watch(ask.clone(), self.left()) {
                Ok((watch, first)) => {
                    self.pass_on(&first.notices);
                    return Ok((watch, first));
                }
                Err(Error::Broken(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// Only looks for a daemon that runs, from now on, or may start one again.
    pub(crate) fn only_look(&mut self, only_look: bool) {
        self.starting = match self.starting {
            Starting::Forbidden => Starting::Forbidden,
            Starting::Allowed | Starting::Postponed if only_look => Starting::Postponed,
            Starting::Allowed | Starting::Postponed => Starting::Allowed,
        };
    }

    fn pass_on(&mut self, notices: &[String]) {
        if !std::mem::replace(&mut self.has_told, true) {
            for notice in notices {
                self.output.warning(notice);
            }
        }
    }

    /// Connects to a daemon that is running; none if there is none. Never starts one.
    pub(crate) fn running(&mut self) -> Result<Option<&mut Client>, Failure> {
        self.begin();
        match self.connect_to_running() {
            Ok(client) => Ok(Some(self.client.insert(client))),
            Err(Error::NoDaemon(_)) => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Ends the conversation and waits until the daemon has ended, which was asked to.
    pub(crate) fn wait_for_end(mut self) -> Result<(), Failure> {
        let left = self.left();
        match self.client.take() {
            Some(client) => {
                let _wait = self.output.progress.wait_for("waiting for guestissuerd to finish…");
                client.wait_for_end(left).map_err(|error| self.explain(error))
            }
            None => Ok(()),
        }
    }

    /// Where the daemon should be.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// Whether a daemon may be started where there is none.
    pub(crate) fn may_start(&self) -> bool {
        self.starting != Starting::Forbidden
    }

    /// How much of the time for the whole call is left.
    pub(crate) fn left(&self) -> Duration {
        self.until().saturating_duration_since(Instant::now())
    }

    fn begin(&mut self) {
        self.deadline = Some(self.until());
    }

    fn until(&self) -> Instant {
        self.deadline.unwrap_or_else(|| Instant::now() + self.timeout)
    }

    fn take_client(&mut self) -> Result<Client, Failure> {
        self.client.take().map_or_else(|| self.connect(), Ok)
    }

    fn connect(&self) -> Result<Client, Failure> {
        match self.connect_to_running() {
            Err(Error::NoDaemon(_)) if self.starting == Starting::Allowed => {
                self.output.detail("starting guestissuerd");
                let _wait = self.shows_waits.then(|| self.output.progress.wait_for("starting guestissuerd…"));
                autostart::start(&self.places, self.environment, self.until())
                    .map_err(|error| self.explain(error))
            }
            connected => connected.map_err(|error| self.explain(error)),
        }
    }

    /// Connects where the daemon should be, or else where the one that runs says that it is.
    fn connect_to_running(&self) -> Result<Client, Error> {
        let expected = Client::connect(&self.places.socket, self.left());
        let Err(Error::NoDaemon(absent)) = expected else { return expected };
        match self.places.announced().map(|socket| Client::connect(&socket, self.left())) {
            Some(Ok(client)) => Ok(client),
            Some(Err(_)) | None => Err(Error::NoDaemon(absent)),
        }
    }

    fn explain(&self, error: Error) -> Failure {
        let no_daemon = matches!(error, Error::NoDaemon(_));
        let failure = Failure::from(error);
        if !no_daemon {
            return failure;
        }
        let message = format!("no guestissuerd is listening on {}", self.places.socket.display());
        Failure::new(FailureCode::NoDaemon, message)
            .with_hint("start it with: guestissuerd, or: systemctl --user start guestissuerd.socket")
    }
}

/// What is waited for, in a word.
fn waited_for<A: Ask + Clone>(ask: &A) -> &'static str {
    match ask.clone().into_request() {
        Request::Get(_)
        | Request::Watch(_)
        | Request::Add(_)
        | Request::MigrateGuest(_)
        | Request::IssuerTest(_)
        | Request::Exchange(_)
        | Request::Quick(_) => "minting…",
        Request::WhoAmI(_)
        | Request::VerifyToken(_)
        | Request::IssuerAddChecked(_)
        | Request::IssuerUpdateChecked(_)
        | Request::AppShow(ShowApp { count: true, .. }) => "asking Webex…",
        Request::Diagnose => "looking for what is wrong…",
        Request::List(_)
        | Request::ListDetails(_)
        | Request::Show(_)
        | Request::Rename(_)
        | Request::SetPinned(_)
        | Request::Remove(_)
        | Request::Invalidate(_)
        | Request::IssuerAdd(_)
        | Request::IssuerUpdate(_)
        | Request::IssuerList
        | Request::IssuerShow(_)
        | Request::AppShow(ShowApp { count: false, .. })
        | Request::IssuerRemove(_)
        | Request::IssuerDefault(_)
        | Request::Sign(_)
        | Request::VerifyAssertion(_)
        | Request::MigrationPlan(_)
        | Request::MigrationEnd(_)
        | Request::MovedList(_)
        | Request::Migrations
        | Request::Status
        | Request::Stop => "asking guestissuerd…",
    }
}
