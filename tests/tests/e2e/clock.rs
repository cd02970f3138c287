//! Clocks that jump: the daemon runs inside the test, with a clock that the test sets.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use guestissuer_daemon::config::{Config, Said};
use guestissuer_daemon::domain::time::{BootTime, Clock, Moment, SystemClock, UnixTime};
use guestissuer_tests::{Gi, World};
use tokio_util::sync::CancellationToken;

/// The clocks of the machine, each set forward or back.
#[derive(Default)]
struct SetClock {
    wall_ms: Mutex<i64>,
    boot: Mutex<Duration>,
}

impl Clock for SetClock {
    fn now(&self) -> Moment {
        let Moment { wall: UnixTime(wall), boot: BootTime(boot) } = SystemClock.now();
        let wall = UnixTime(wall + *self.wall_ms.lock().unwrap());
        Moment { wall, boot: BootTime(boot + *self.boot.lock().unwrap()) }
    }
}

impl SetClock {
    fn set_wall(&self, hours: i64) {
        *self.wall_ms.lock().unwrap() = hours * 3_600_000;
    }

    /// As a laptop does that was closed: both clocks go on.
    fn sleep(&self, hours: u64) {
        *self.boot.lock().unwrap() += Duration::from_secs(hours * 3_600);
        *self.wall_ms.lock().unwrap() += i64::try_from(hours).unwrap() * 3_600_000;
    }
}

/// A daemon inside the test.
struct Inside {
    clock: Arc<SetClock>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Inside {
    fn start(world: &World) -> Self {
        let said = Said {
            socket: Some(world.socket()),
            state_dir: Some(world.state_dir()),
            config: Some("/dev/null".into()),
            ..Said::default()
        };
        let config = Config::load(&said).unwrap();
        let (clock, stop) = (Arc::new(SetClock::default()), CancellationToken::new());
        let (its_clock, its_stop) = (Arc::clone(&clock), stop.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let ready = move || ready.send(()).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(guestissuer_daemon::run(config, its_clock, None, ready, its_stop)).unwrap();
        });
        is_ready.recv_timeout(guestissuer_tests::PATIENCE).unwrap();
        Self { clock, stop, thread: Some(thread) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the daemon panicked");
        }
    }
}

/// A world whose daemon runs inside the test. It has just made the store, and given it back.
fn world() -> (World, Inside) {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let inside = Inside::start(&world);
    (world, inside)
}

fn get(world: &World, subject: &str) -> Gi {
    world.gi(["get", subject, "--name", "A"])
}

#[test]
fn a_token_that_expired_while_the_machine_slept_is_not_served() {
    let (world, inside) = world();
    let before = get(&world, "1").ok();
    inside.clock.sleep(7);
    let after = get(&world, "1").json();
    assert_ne!(after["access_token"].as_str().unwrap(), before);
}

#[test]
fn a_token_is_not_revived_by_setting_the_wall_clock_back() {
    let (world, inside) = world();
    let before = get(&world, "1").ok();
    inside.clock.sleep(7);
    inside.clock.set_wall(0);
    // By the wall clock the old token is as good as new; by the boot clock it is dead.
    let after = get(&world, "1").json();
    assert_ne!(after["access_token"].as_str().unwrap(), before);
}

#[test]
fn a_token_from_after_now_is_not_trusted() {
    let (world, inside) = world();
    let before = get(&world, "1").ok();
    inside.clock.set_wall(-24);
    assert_ne!(get(&world, "1").ok(), before);
}

#[test]
fn a_wall_clock_set_forward_makes_tokens_expire() {
    let (world, inside) = world();
    let before = get(&world, "1").ok();
    inside.clock.set_wall(6);
    assert_ne!(get(&world, "1").ok(), before);
}

#[test]
fn after_a_long_sleep_guests_are_refreshed_in_one_ordered_pass() {
    let (world, inside) = world();
    for n in 0..30 {
        get(&world, &format!("g{n}")).ok();
    }
    world.sandbox.fault(&serde_json::json!({"hang": true}));
    inside.clock.sleep(5);
    // Any event wakes the refresher, which looks at the clock: this one is a new guest.
    let new = get(&world, "new").spawn();
    world.sandbox.wait_for("hanging", 9);
    // Half of the sixteen slots refresh; the other half is free for those who wait, one of whom there is.
    assert_eq!(world.sandbox.count("in_flight"), 9);
    world.sandbox.mend();
    assert_eq!(guestissuer_tests::gi::finish(new).code, 0);
    world.sandbox.wait_for("mints", 61);
    assert_eq!(world.sandbox.count("mints"), 61);
}

#[test]
fn a_guest_nobody_asks_for_is_left_to_expire_unless_it_is_pinned() {
    let (world, inside) = world();
    get(&world, "idle").ok();
    world.gi(["add", "pinned", "P", "--pin"]).ok();
    // A day and an hour in steps, so that the pinned one is refreshed on the way.
    inside.clock.sleep(25);
    world.gi(["add", "new", "N"]).ok();
    world.sandbox.wait_for("mints", 4);
    let list = world.gi(["list"]).json();
    let refresh = |subject: &str| {
        let guests = list.as_array().unwrap();
        guests.iter().find(|guest| guest["subject"] == subject).unwrap()["refresh_at"].clone()
    };
    assert!(refresh("idle").is_null(), "{list}");
    assert!(refresh("pinned").is_string(), "{list}");
    assert_eq!(world.sandbox.mints_of("idle"), 1);
    // On demand it is minted again, and kept warm again.
    world.gi(["get", "idle"]).ok();
    assert_eq!(world.sandbox.mints_of("idle"), 2);
}

#[test]
fn an_issuer_in_trouble_is_tried_with_one_request_at_a_time() {
    let (world, inside) = world();
    for n in 0..20 {
        get(&world, &format!("g{n}")).ok();
    }
    world.sandbox.fault(&serde_json::json!({"status": 503, "times": 8}));
    world.sandbox.fault(&serde_json::json!({"hang": true}));
    inside.clock.sleep(5);
    // A change of the schedule wakes the refresher: eight refreshes fail, and a while later one finds out how things are.
    let wake = || world.gi(["pin", "g0"]).ok();
    wake();
    world.sandbox.wait_for("hanging", 1);
    for _ in 0..5 {
        wake();
        assert_eq!(world.sandbox.count("in_flight"), 1);
    }
    world.sandbox.mend();
    world.sandbox.wait_for("mints", 40);
}

#[test]
fn renaming_a_guest_nobody_asked_for_tells_webex_all_the_same() {
    let (world, inside) = world();
    get(&world, "idle").ok();
    inside.clock.sleep(30);
    world.gi(["rename", "idle", "New name"]).ok();
    world.sandbox.wait_for("mints", 2);
    assert_eq!(world.sandbox.requests(1)[0]["name"], "New name");
}
