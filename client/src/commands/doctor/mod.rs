//! `gi doctor`: what is wrong, and what to do about it.
//!
//! Goes from what is near to what is far: files, the service manager, the daemon, and what the daemon finds. It changes
//! nothing, starts nothing and ends in time, also when the daemon hangs.

mod config;
mod daemon;
mod files;
mod issuers;
mod report;
mod runtime;
mod service;

use std::time::{Duration, Instant};

use guestissuer_client::Places;
use guestissuer_client::proto::Failure;

use crate::environment::Environment;
use crate::output::Output;
use crate::session::Session;
use report::{End, Report};

/// How long one step takes at most. What is well answers in milliseconds.
const STEP: Duration = Duration::from_secs(5);

/// One visit of the doctor.
struct Visit<'a> {
    places: &'a Places,
    environment: &'a Environment,
    may_start: bool,
    deadline: Instant,
    report: Report<'a>,
}

pub(super) fn doctor(
    session: &Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let mut visit = Visit {
        places: session.places(),
        environment,
        may_start: session.may_start(),
        deadline: Instant::now() + session.left(),
        report: Report::new(output),
    };
    match visit.make() {
        Ok(()) => visit.report.finish(),
        Err(End::Enough) => Ok(()),
        Err(End::Failed(failure)) => Err(failure),
    }
}

impl Visit<'_> {
    fn make(&mut self) -> Result<(), End> {
        let user = rustix::process::geteuid().as_raw();
        let is_named = self.places.is_named();
        let runtime_dir = self.environment.passed_on("XDG_RUNTIME_DIR");
        self.report.add(runtime::look(is_named, runtime_dir, user))?;
        let state_dir = &self.places.state_dir;
        self.report.add(files::state(state_dir, user))?;
        self.report.add(files::inside(state_dir, user))?;
        self.report.add(files::disk(state_dir))?;
        let is_installed = self.look_at_configuration()?;
        self.report.add(service::look(&service::Systemd::here()))?;
        self.report.add(files::socket(self.places, user))?;
        let Some(mut reached) = self.look_at_daemon(is_installed)? else { return Ok(()) };
        self.ask_the_daemon(&mut reached)?;
        self.look_at_issuers(&mut reached)
    }

    /// How long the next step may take: at most half of what is left, so that a slow step leaves time for the others and
    /// does not make them look slow too.
    fn step(&self, longest: Duration) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        longest.min(left / 2)
    }
}
