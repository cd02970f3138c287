//! Interrupted at any point, nothing is lost, and the same command goes on.

use std::collections::BTreeSet;

use guestissuer_tests::gi::finish;
use serde_json::json;

use super::{asked, migrate, report, subjects_of, world_of};

#[test]
fn killing_the_daemon_and_the_command_again_and_again_loses_no_guest() {
    const GUESTS: usize = 80;
    const KILLS: usize = 10;
    let mut world = world_of(80);
    let pinned: BTreeSet<_> = (1..=GUESTS).step_by(7).map(|n| n.to_string()).collect();
    for subject in &pinned {
        world.gi(["pin", subject]).ok();
    }
    let mut run = migrate(&world, &[]).spawn();
    for kill in 0..KILLS {
        // Some requests are answered, and then the daemon is killed while others wait for their answers.
        let some = json!({"path": "/v1/guests/token", "delay_ms": 1, "times": 2 + kill % 3});
        world.sandbox.fault(&some);
        world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "mint": kill % 2 == 0}));
        world.sandbox.wait_for("hanging", 2);
        world.daemon.take().unwrap().kill();
        if kill % 2 == 0 {
            // Else it waits until the daemon is back, and goes on by itself.
            run.kill().unwrap();
            run.wait().unwrap();
        }
        world.sandbox.wait_for_at_most("hanging", 0);
        world.start(&[]);
        let (old, new) = (subjects_of(&world, "acme"), subjects_of(&world, "app"));
        let all: BTreeSet<_> = old.iter().chain(&new).collect();
        assert_eq!((all.len(), old.len() + new.len()), (GUESTS, GUESTS));
        world.sandbox.mend();
        if kill % 2 == 0 {
            run = migrate(&world, &[]).spawn();
        }
    }
    let done = finish(run);
    assert_eq!(done.code, 0, "{done}");
    let moved = report(&world);
    let told: BTreeSet<_> = moved.iter().map(|guest| guest["subject"].as_str().unwrap()).collect();
    assert_eq!((moved.len(), told.len()), (GUESTS, GUESTS));
    assert!(moved.iter().all(|guest| guest["person_id_before"].is_string()));
    assert!(moved.iter().all(|guest| guest["person_id_after"].is_string()));
    for subject in told {
        assert_eq!(world.gi(["get", subject]).json()["issuer"], "app");
    }
    let listed = world.gi(["list"]).json();
    let still = listed.as_array().unwrap().iter().filter(|guest| guest["pinned"] == true);
    let still: BTreeSet<_> = still.map(|guest| guest["subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(still, pinned);
    // What was under way when the daemon died is all that was asked for twice.
    assert!(asked(&world, "/v1/guests/token") <= GUESTS + 8 * KILLS);
}

#[test]
fn a_daemon_that_is_killed_before_the_answer_has_the_guest_where_it_was() {
    let mut world = world_of(1);
    let old = world.gi(["get", "1"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "mint": true, "hang": true, "times": 1}));
    let run = migrate(&world, &["--timeout", "2s"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.daemon.take().unwrap().kill();
    let failed = finish(run);
    assert_eq!(failed.code, 4, "{failed}");
    world.start(&[]);
    assert_eq!(world.gi(["get", "1"]).ok(), old);
    migrate(&world, &[]).ok();
    assert_eq!(subjects_of(&world, "app"), ["1"]);
}

#[test]
fn what_was_begun_is_finished_when_nobody_waits_for_it() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "times": 1}));
    let mut run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    run.kill().unwrap();
    run.wait().unwrap();
    let mut watch = world.gi(["watch", "1", "-o", "json"]).spawn();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    world.sandbox.release();
    let moved = lines.any(|line| line.unwrap().contains("\"issuer\":\"app\""));
    assert!(moved);
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(asked(&world, "/v1/guests/token"), 1);
    // Only the last step is left.
    assert_eq!(migrate(&world, &[]).json()["is_complete"], true);
}
