//! What hostile, slow and old peers can do to the daemon: nothing.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use guestissuer_proto::hello::{Greeting, Hello, Refusal, RefusalReason};
use guestissuer_proto::{Call, Reply, Request, Response, codec};
use guestissuer_tests::World;

fn connect(world: &World) -> UnixStream {
    let stream = UnixStream::connect(world.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn frame(request: Request) -> Vec<u8> {
    let body = codec::encode(&Call { deadline_ms: 10_000, request }).unwrap();
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body.as_slice()].concat()
}

fn read_reply(stream: &mut UnixStream) -> Reply {
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; u32::from_be_bytes(header) as usize];
    stream.read_exact(&mut body).unwrap();
    codec::decode(&body).unwrap()
}

/// What the daemon says until it hangs up.
fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset after unread bytes is as good an end as any.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn hostile_bytes_end_one_connection_and_nothing_else() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    let hello = Hello::OURS.to_bytes().to_vec();
    let with_hello = |bytes: &[u8]| [hello.as_slice(), bytes].concat();
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("noise", (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        ("four gigabytes", with_hello(&[0xff, 0xff, 0xff, 0xff])),
        ("one over the limit", with_hello(&[0, 1, 0, 1])),
        ("an empty frame", with_hello(&[0, 0, 0, 0])),
        ("an unknown request", with_hello(&[0, 0, 0, 2, 5, 200])),
        ("bytes after the request", with_hello(&[0, 0, 0, 3, 5, 14, 0])),
        ("a string of exabytes", with_hello(&[0, 0, 0, 11, 1, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0x80])),
        ("a subject with a newline", with_hello(&[0, 0, 0, 6, 5, 4, 2, b'a', b'\n', 0])),
    ];
    for (name, bytes) in attacks {
        let mut stream = connect(&world);
        // The daemon may hang up before it has read everything.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let said = rest(&mut stream);
        assert!(said.len() <= 600, "{name}: {} bytes", said.len());
        assert_eq!(world.gi(["get", "1"]).ok(), token, "{name}");
    }
}

#[test]
fn every_cut_of_a_call_is_survived() {
    let world = World::new();
    let call = [Hello::OURS.to_bytes().as_slice(), &frame(Request::Status)].concat();
    for end in 0..call.len() {
        let mut stream = connect(&world);
        stream.write_all(&call[..end]).unwrap();
        drop(stream);
    }
    world.gi(["status"]).ok();
}

#[test]
fn a_client_that_leaves_before_its_answer_is_no_trouble() {
    let world = World::new();
    for _ in 0..200 {
        let mut stream = connect(&world);
        stream.write_all(&[Hello::OURS.to_bytes().as_slice(), &frame(Request::Status)].concat()).unwrap();
    }
    world.gi(["status"]).ok();
}

#[test]
fn silent_connections_do_not_block_others() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    let silent: Vec<_> = (0..400).map(|_| connect(&world)).collect();
    let begun = Instant::now();
    world.gi(["get", "1"]).ok();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_silent_connection_is_closed_in_time_also_when_it_dribbles() {
    let world = World::new();
    let mut silent = connect(&world);
    let mut dribbling = connect(&world);
    dribbling.write_all(&Hello::OURS.to_bytes()[..3]).unwrap();
    let begun = Instant::now();
    assert_eq!(rest(&mut silent), b"");
    assert_eq!(rest(&mut dribbling), b"");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn many_calls_go_over_one_connection_in_order() {
    let world = World::new();
    let mut stream = connect(&world);
    let calls: Vec<u8> =
        (0..50).flat_map(|n| frame(if n % 2 == 0 { Request::Status } else { Request::IssuerList })).collect();
    stream.write_all(&[Hello::OURS.to_bytes().as_slice(), &calls].concat()).unwrap();
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(Greeting::from_bytes(greeting), Ok(Greeting::Welcome { version: 1 }));
    for n in 0..50 {
        let response = read_reply(&mut stream).response;
        let is_expected = if n % 2 == 0 {
            matches!(response, Response::Status(_))
        } else {
            matches!(response, Response::Issuers(_))
        };
        assert!(is_expected, "{n}: {response:?}");
    }
}

#[test]
fn a_newer_client_is_answered_in_our_version_and_sends_its_call_again() {
    let world = World::new();
    let mut stream = connect(&world);
    let in_version_nine = [0, 0, 0, 4, 9, 9, 9, 9];
    stream
        .write_all(&[Hello { lowest: 1, highest: 9 }.to_bytes().as_slice(), &in_version_nine].concat())
        .unwrap();
    let mut greeting = [0; 8];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(Greeting::from_bytes(greeting), Ok(Greeting::Welcome { version: 1 }));
    stream.write_all(&frame(Request::Status)).unwrap();
    assert!(matches!(read_reply(&mut stream).response, Response::Status(_)));
}

#[test]
fn a_client_without_a_common_version_is_told_what_we_speak() {
    let world = World::new();
    let mut stream = connect(&world);
    stream
        .write_all(&[Hello { lowest: 8, highest: 9 }.to_bytes().as_slice(), &[0, 0, 0, 1, 0]].concat())
        .unwrap();
    let said = rest(&mut stream);
    let (fixed, after) = said.split_first_chunk().unwrap();
    assert_eq!(Greeting::from_bytes(*fixed), Ok(Greeting::Refused { reason: RefusalReason::Version }));
    let (range, text) = after.split_first_chunk().unwrap();
    assert_eq!(Refusal::read_range(*range), (Hello::OURS, text.len()));
}
