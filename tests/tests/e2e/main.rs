//! End-to-end tests: the real programs, as users run them.

mod cli;
mod promises;
mod tidy;
