//! Lists and descriptions as a person sees them.

use std::io::Read as _;
use std::time::{Duration, Instant};

use guestissuer_tests::World;
use guestissuer_tests::gi::finish;
use guestissuer_tests::terminal::{on_a_terminal, screen};
use rusqlite::{Connection, params};
use serde_json::json;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const MINUTE: i64 = 60_000;

/// A guest as it is in the database; times are minutes from now.
struct Row {
    subject: String,
    name: String,
    expires: Option<i64>,
    refresh: i64,
    next: Option<i64>,
    fails: bool,
}

impl Row {
    fn new(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        let name = format!("Guest {subject}");
        Self { subject, name, expires: None, refresh: 60, next: None, fails: false }
    }

    fn expires(self, expires: i64, refresh: i64) -> Self {
        Self { expires: Some(expires), refresh, ..self }
    }

    fn next(self, next: i64) -> Self {
        Self { next: Some(next), ..self }
    }

    fn fails(self) -> Self {
        Self { fails: true, ..self }
    }
}

/// A world whose database has these guests.
fn world_with(rows: &[Row]) -> World {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let mut database = database(&world);
    let all = database.transaction().unwrap();
    let now: i64 = all.query_row("SELECT unixepoch() * 1000", [], |row| row.get(0)).unwrap();
    let failure =
        json!({"code": "Unavailable", "message": "Webex is away", "hint": "wait", "retry_after_ms": null});
    let error = json!({"at": now, "failure": failure, "tracking_id": "ROUTER_1"}).to_string();
    for row in rows {
        let at = |minutes: i64| now + minutes * MINUTE;
        let times = row.expires.map(|expires| (at(expires - 360), at(expires), at(row.refresh)));
        all.prepare_cached(
            "INSERT INTO guest (issuer_id, subject, display_name, pinned, created_at, last_used_at, issued_at,
                 expires_at, refresh_at, next_attempt_at, failures, last_error)
             VALUES (1, ?1, ?2, 0, ?3, ?3, ?4, ?5, ?6, ?7, 0, ?8)",
        )
        .unwrap()
        .execute(params![
            row.subject,
            row.name,
            now,
            times.map(|times| times.0),
            times.map(|times| times.1),
            times.map(|times| times.2),
            row.next.map(at),
            row.fails.then_some(&error),
        ])
        .unwrap();
    }
    all.commit().unwrap();
    drop(database);
    world.start(&[]);
    world
}

fn database(world: &World) -> Connection {
    Connection::open(world.state_dir().join("guestissuer.db")).unwrap()
}

fn subjects(text: &str) -> Vec<&str> {
    text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect()
}

#[test]
fn what_needs_attention_comes_first() {
    let world = world_with(&[
        Row::new("a-idle").expires(-60, -120),
        Row::new("b-fresh-late").expires(300, 200).next(200),
        Row::new("c-fresh-soon").expires(100, 50).next(50),
        Row::new("d-due").expires(30, -5).next(60),
        Row::new("e-planned").expires(-1, -60).next(60),
        Row::new("f-failing").expires(200, -5).next(60).fails(),
        Row::new("g-failing-soon").expires(20, -5).next(60).fails(),
        Row::new("h-down").next(60).fails(),
    ]);
    let text = world.gi(["list"]).ok();
    assert_eq!(
        subjects(&text),
        [
            "h-down",
            "g-failing-soon",
            "f-failing",
            "e-planned",
            "d-due",
            "c-fresh-soon",
            "b-fresh-late",
            "a-idle"
        ],
        "{text}"
    );
    // Programs get them in the order of issuer and subject, with one key more than people ever asked for.
    let list = world.gi(["list"]).json();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|guest| &guest["subject"]).collect();
    assert_eq!(names[0], "a-idle");
    assert!(names.is_sorted_by_key(|name| name.as_str()));
    let keys: Vec<_> = list[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.last().unwrap().as_str(), "issued_at");
    // Somebody who looks at it sees how much is left, why it fails, and a sum.
    let seen = screen(&on_a_terminal(&world, &["list"], 120));
    assert!(seen[1].contains("Webex is away"), "{seen:#?}");
    assert!(seen[7].contains("▰▰▰▰▰▰▰▱"), "{seen:#?}");
    assert!(seen[8].contains("▱▱▱▱▱▱▱▱"), "{seen:#?}");
    assert_eq!(seen[9], "8 guests, 3 failing");
    assert_eq!(world.gi(["list"]).run().stderr, "");
    assert!(!text.contains('▰') && !text.contains('\u{1b}'));
}

#[test]
fn of_a_long_list_those_that_fail_come_first_and_none_comes_twice() {
    let fails = |n: usize| n % 700 == 699;
    let rows: Vec<_> = (0..7_000)
        .map(|n| {
            let row = Row::new(format!("g{n:05}")).expires(300, 200).next(200);
            if fails(n) { row.fails() } else { row }
        })
        .collect();
    let world = world_with(&rows);
    let text = world.gi(["list"]).ok();
    let listed = subjects(&text);
    assert_eq!(listed.len(), 7_000);
    let (first, rest) = listed.split_at(10);
    assert!(first.iter().all(|subject| fails(subject[1..].parse().unwrap())), "{first:?}");
    assert!(rest.is_sorted());
    let mut unique = listed.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 7_000);
    // `| head -1`: the reader leaves after a line, and that is success.
    let mut child = world.gi(["list"]).spawn();
    child.stdout.take().unwrap().read_exact(&mut [0; 16]).unwrap();
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    // The same on a terminal: however late an odd row comes, the columns stay where they are.
    let seen = screen(&on_a_terminal(&world, &["list"], 80));
    assert_eq!(seen.len(), 7_002);
    let places: Vec<_> = seen[..7_001].iter().map(|line| line.find(['▰', 'L'])).collect();
    assert!(seen[0].contains("LIFE"), "{}", seen[0]);
    assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", &places[..20]);
}

#[test]
fn a_reader_may_take_as_long_as_it_likes() {
    let rows: Vec<_> = (0..20_000).map(|n| Row::new(format!("g{n:05}"))).collect();
    let world = world_with(&rows);
    let timeout = Duration::from_secs(1);
    let begin = Instant::now();
    let mut child = world.gi(["list", "--timeout", "1s"]).spawn();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 16]).unwrap();
    // Something else to do, until a call made at the beginning would be out of time.
    while begin.elapsed() < timeout {
        world.gi(["status"]).ok();
    }
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.lines().count(), 20_001);
    assert_eq!(finish(child).code, 0);
}

#[test]
fn whatever_guests_are_called_nothing_is_wider_than_the_terminal() {
    let names = [
        "日本語の名前がとても長いです、本当に長い名前ですよ",
        "שלום \"עולם\" וגם עוד הרבה מילים",
        "مرحبا لا لا لا لا لا لا لا لا لا لا",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 👍🏽 🇩🇪 ❤\u{fe0f} 1\u{fe0f}\u{20e3} family of emoji",
        "\u{202e}reversed\u{2066} by marks\u{200b}\u{200b}",
        "Z\u{0351}\u{0489}a\u{0321}\u{0339}l\u{0317}g\u{0322}o\u{0334} that goes on and on and on",
        "क्षत्रिय नमस्ते दुनिया",
        "a name\u{2028}of two lines",
        "\"quoted\", 'and', `more` | $(x) \\ %s",
        "A name that is longer than most names are, by far, and then some more of it",
    ];
    let mut rows: Vec<_> = (0..)
        .zip(names)
        .map(|(n, name)| Row { name: name.to_owned(), ..Row::new(format!("n{n}")) })
        .map(|row| row.expires(300, 200).next(200))
        .collect();
    rows.push(Row::new("a-rather-long-subject-that-needs-a-lot-of-room").expires(-9, -20).next(60).fails());
    rows.push(Row::new("客-🎉-客").next(60).fails());
    let world = world_with(&rows);
    let subject = "a-rather-long-subject-that-needs-a-lot-of-room";
    for columns in [40, 60, 80, 120, 200] {
        for args in [
            &["list"][..],
            &["show", subject],
            &["show", "n3"],
            &["issuer", "list"],
            &["issuer", "show"],
            &["status"],
        ] {
            for line in screen(&on_a_terminal(&world, args, columns)) {
                // As terminals count that know of ligatures and families, and as the others do.
                let widths = [line.width(), line.chars().map(|c| c.width().unwrap_or(0)).sum()];
                let limit = usize::from(columns);
                assert!(widths.iter().all(|width| *width <= limit), "{columns} {args:?} {widths:?}: {line}");
                assert!(!line.contains(['\u{202e}', '\u{2066}', '\u{200d}']), "{line:?}");
            }
        }
        let seen = screen(&on_a_terminal(&world, &["list"], columns));
        for heading in ["GUEST", "NAME", "TOKEN", "EXPIRES"] {
            assert!(seen[0].contains(heading), "{columns}: {seen:#?}");
        }
        assert_eq!(seen.len(), rows.len() + 2, "{seen:#?}");
    }
    // What is not a terminal gets all of it.
    let text = world.gi(["list"]).ok();
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn states_have_colors_where_they_are_wanted() {
    let world = world_with(&[Row::new("1").expires(300, 200).next(200), Row::new("2").next(60).fails()]);
    let seen = on_a_terminal(&world, &["list"], 80);
    assert!(seen.contains("\u{1b}[32mfresh\u{1b}[0m"), "{seen:?}");
    assert!(seen.contains("\u{1b}[31mnone, failing\u{1b}[0m"), "{seen:?}");
    let plain = on_a_terminal(&world, &["list", "--color", "never"], 80);
    assert!(!plain.contains("\u{1b}["), "{plain:?}");
    assert!(world.gi(["list", "--color", "always"]).ok().contains("\u{1b}[32m"));
    assert!(!world.gi(["list"]).ok().contains('\u{1b}'));
}

#[test]
fn a_guest_is_shown_with_what_is_left_and_what_is_wrong() {
    let world = world_with(&[Row::new("1").expires(180, 100).next(60).fails()]);
    for columns in [40, 100] {
        let seen = screen(&on_a_terminal(&world, &["show", "1"], columns)).join("\n");
        for words in ["▰▰▰▰▱▱▱▱ 2h 59m of 6h 0m", "Webex is away", "hint         wait", "ROUTER_1"]
        {
            assert!(seen.contains(words), "{words}: {seen}");
        }
    }
    assert!(!world.gi(["show", "1"]).ok().contains('▰'));
}

#[test]
fn an_older_database_learns_to_find_those_that_fail() {
    let mut world = world_with(&[Row::new("1").next(60).fails(), Row::new("2").next(60)]);
    world.daemon.take().unwrap().terminate();
    database(&world)
        .execute_batch(
            "DROP INDEX guest_failing; DROP TABLE app_token; DROP TABLE moved;
             ALTER TABLE issuer DROP COLUMN successor_id; PRAGMA user_version = 1",
        )
        .unwrap();
    world.start(&[]);
    assert_eq!(subjects(&world.gi(["list", "--failing"]).ok()), ["1"]);
}
