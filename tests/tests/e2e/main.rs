//! End-to-end tests: the real programs, as users run them.

mod bulk;
mod cli;
mod clock;
mod database;
mod demo;
mod doctor;
mod examples;
mod exec;
mod exit_codes;
mod files;
mod lifecycle;
mod lists;
mod original;
mod outage;
mod progress;
mod promises;
mod python_sdk;
mod readme;
mod regressions;
mod secrecy;
mod service_app;
mod shell;
mod tidy;
mod upstream;
mod watch;
mod wire;
