//! Benchmarks: what a user waits for, beside things that everybody knows. Ratios within one run, never absolute times.
//!
//! `cargo run --release --package guestissuer-tests --bin guestissuer-bench [OTHER_GI...]` measures this build's `gi`
//! and any other that is named, such as one that is linked statically.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use guestissuer_client::{Client, get_token};
use guestissuer_tests::{World, programs};

/// How many pairs of runs are measured. The median of so many is stable to a percent or two.
const PAIRS: usize = 1_000;

/// How many requests are measured on a connection.
const REQUESTS: usize = 50_000;

/// Longer than any request here takes.
const LIMIT: Duration = Duration::from_secs(10);

fn main() {
    let world = World::new();
    world.gi(["get", "123", "--name", "Ann"]).ok();
    println!("wall time of a command, as a ratio to /bin/true run in turn (median of {PAIRS} pairs):");
    let builds =
        std::iter::once(programs::program("gi")).chain(std::env::args_os().skip(1).map(PathBuf::from));
    for gi in builds {
        println!("  {:.2}  {} get 123", against_true(&gi, &world), gi.display());
    }
    println!("requests for a cached token, one after the other ({REQUESTS} of them):");
    kept_connection(&world);
    connection_each(&world);
}

fn against_true(gi: &Path, world: &World) -> f64 {
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let nothing = timed(Command::new("/bin/true").env_clear());
            let get = timed(
                Command::new(gi)
                    .args(["get", "123"])
                    .env_clear()
                    .env("GI_SOCKET", world.socket())
                    .env("GI_STATE_DIR", world.state_dir()),
            );
            get.as_secs_f64() / nothing.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[PAIRS / 2]
}

fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status().expect("the command starts");
    let elapsed = begun.elapsed();
    assert!(status.success(), "{command:?}");
    elapsed
}

fn kept_connection(world: &World) {
    let mut client = Client::connect(&world.socket(), LIMIT).expect("a daemon");
    report("kept connection", || {
        client.ask(get_token("123".parse().expect("a subject")), LIMIT).expect("a token");
    });
}

fn connection_each(world: &World) {
    let socket = world.socket();
    report("a connection each", || {
        let mut client = Client::connect(&socket, LIMIT).expect("a daemon");
        client.ask(get_token("123".parse().expect("a subject")), LIMIT).expect("a token");
    });
}

fn report(what: &str, mut request: impl FnMut()) {
    let begun = Instant::now();
    let mut times: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let begun = Instant::now();
            request();
            begun.elapsed()
        })
        .collect();
    let rate = u128::try_from(REQUESTS).unwrap_or_default() * 1_000_000 / begun.elapsed().as_micros().max(1);
    times.sort();
    let at = |share: usize| times[REQUESTS * share / 100].as_micros();
    println!("  {what}: {rate} a second, p50 {} µs, p99 {} µs", at(50), at(99));
}
