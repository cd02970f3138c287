//! Drives a sandbox over real TCP, as its users do.

#[cfg(test)]
mod api;
#[cfg(test)]
mod client;
#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod program;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod service_app;
