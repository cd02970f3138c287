//! Damaged databases: set aside, replaced, and everyone is told.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;

use guestissuer_tests::{Daemon, World};

/// Damages the database of a stopped daemon, and starts it again.
fn damaged(damage: impl FnOnce(&mut Vec<u8>)) -> World {
    let mut world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    world.daemon.take().unwrap().terminate();
    let path = world.state_dir().join("guestissuer.db");
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    world.start(&[]);
    world
}

fn set_aside(world: &World) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(world.state_dir()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(".damaged-")).collect()
}

#[test]
fn a_damaged_database_is_set_aside_and_service_goes_on() {
    type Damage = fn(&mut Vec<u8>);
    let kinds: [(&str, Damage); 3] = [
        ("no database at all", |bytes| {
            *bytes = b"not a database, but as long as a header of one would have to be ".repeat(4);
        }),
        ("noise in its pages", |bytes| bytes.iter_mut().skip(4_096).for_each(|byte| *byte ^= 0x5a)),
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ];
    for (kind, damage) in kinds {
        let mut world = damaged(damage);
        let aside = set_aside(&world);
        assert_eq!(aside.len(), 1, "{kind}: {aside:?}");
        assert!(world.daemon().log().contains("set aside"), "{kind}");
        // Everyone is told, also after a restart, until the file is gone.
        for _ in 0..2 {
            let outcome = world.gi(["issuer", "list"]).run();
            assert_eq!(outcome.code, 0, "{kind}: {outcome}");
            assert!(
                outcome.stderr.contains("gi: warning: ")
                    && outcome.stderr.contains(aside[0].to_str().unwrap()),
                "{kind}: {outcome}"
            );
            world.kill_and_start();
        }
        world.add_issuer("acme");
        world.gi(["get", "1", "--name", "A"]).ok();
        fs::remove_file(&aside[0]).unwrap();
        world.kill_and_start();
        assert_eq!(world.gi(["get", "1"]).run().stderr, "", "{kind}");
    }
}

#[test]
fn two_damaged_databases_are_both_kept() {
    let mut world = damaged(|bytes| bytes.iter_mut().skip(100).for_each(|byte| *byte = 0xff));
    world.daemon.take().unwrap().terminate();
    fs::write(world.state_dir().join("guestissuer.db"), "damaged again, within the very same second perhaps")
        .unwrap();
    world.start(&[]);
    assert_eq!(set_aside(&world).len(), 2);
}

#[test]
fn an_empty_database_file_is_a_new_database() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    fs::write(world.state_dir().join("guestissuer.db"), "").unwrap();
    world.start(&[]);
    assert!(set_aside(&world).is_empty());
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let path = world.state_dir().join("guestissuer.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let (status, log) = Daemon::spawn(world.path(), &[], |_| {}).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("schema version 99"), "{log}");
    assert!(set_aside(&world).is_empty());
}

#[test]
fn a_token_that_was_changed_on_disk_is_minted_anew() {
    let mut world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    let token = world.gi(["get", "2", "--name", "B"]).ok();
    world.daemon.take().unwrap().terminate();
    let database = rusqlite::Connection::open(world.state_dir().join("guestissuer.db")).unwrap();
    // Guest 1 is given guest 2's token, sealed as it is: it must not open there.
    let swap = "UPDATE token SET sealed = (SELECT sealed FROM token WHERE guest_id = 2) WHERE guest_id = 1";
    assert_eq!(database.execute(swap, []).unwrap(), 1);
    drop(database);
    world.start(&[]);
    let served = world.gi(["get", "1"]).json();
    assert_eq!(served["cached"], false);
    assert_ne!(served["access_token"].as_str().unwrap(), token);
}

#[test]
fn another_program_s_database_is_not_touched() {
    let mut world = World::without_daemon("6h");
    let path = world.state_dir().join("guestissuer.db");
    fs::DirBuilder::new().mode(0o700).create(world.state_dir()).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA application_id = 12345; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    let daemon = Daemon::spawn(world.path(), &[], |_| {});
    let (status, log) = daemon.wait();
    assert!(!status.success() && log.contains("another program's"), "{log}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!world.state_dir().join("guestissuer.db-wal").exists());
    fs::remove_file(&path).unwrap();
    world.start(&[]);
}
