//! The socket: connecting, one round trip for each call, and never waiting for longer than allowed.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use guestissuer_proto::frame::{self, MAX_CALL, MAX_REPLY};
use guestissuer_proto::hello::{self, Greeting, Hello, REFUSAL_LENGTH, Refusal, RefusalReason};
use guestissuer_proto::{Call, Reply, Request, Response, codec};
use interprocess::os::unix::uds_local_socket::Stream;
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use zeroize::Zeroizing;

use crate::{Answered, Ask, Error};

/// By how much the daemon's time for a call is shorter than ours, so that its answer, which says more than that time
/// is up, still arrives. A tenth of the time, within these bounds.
const MARGIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    is_greeted: bool,
}

impl Client {
    /// Connects to the daemon that listens on `socket`, waiting for a full queue no longer than `timeout`.
    ///
    /// Nothing is sent yet. A socket of another user is not connected to.
    pub fn connect(socket: &Path, timeout: Duration) -> Result<Self, Error> {
        let owner = fs::metadata(socket).map_err(Error::NoDaemon)?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(Error::Denied);
        }
        let stream = connect(socket, timeout).map_err(|errno| match errno {
            Errno::AGAIN | Errno::TIMEDOUT => Error::Deadline,
            Errno::ACCESS | Errno::PERM => Error::Denied,
            errno => Error::NoDaemon(errno.into()),
        })?;
        Ok(Self { stream: stream.into(), is_greeted: false })
    }

    /// Asks, and waits for the answer for no longer than `timeout`.
    pub fn ask<A: Ask>(&mut self, ask: A, timeout: Duration) -> Result<Answered<A::Answer>, Error> {
        let Reply { now, notices, response } = self.call(ask.into_request(), timeout)?;
        if let Response::Failed(failure) = response {
            return Err(Error::Failed(failure));
        }
        let value = A::from_response(response).ok_or(Error::NotOurs)?;
        Ok(Answered { value, now, notices })
    }

    /// Sends a request and reads the first reply.
    pub(crate) fn call(&mut self, request: Request, timeout: Duration) -> Result<Reply, Error> {
        let deadline = Instant::now() + timeout;
        let margin = (timeout / 10).clamp(MARGIN.0, MARGIN.1);
        let allowed = timeout.saturating_sub(margin).as_millis();
        let deadline_ms = u32::try_from(allowed).unwrap_or(u32::MAX);
        let frame = frame_of(&Call { deadline_ms, request })?;
        self.round_trip(&frame, deadline)
    }

    /// Reads one more reply to a request that has many.
    pub(crate) fn next_reply(&mut self, timeout: Duration) -> Result<Reply, Error> {
        self.read_reply(Instant::now() + timeout)
    }

    /// Waits until the daemon closes the connection, which it does at its end after a [`Stop`](crate::Stop).
    pub fn wait_for_end(mut self, timeout: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        match self.read_exact(&mut [0], deadline) {
            Err(Error::Broken(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(Error::NotOurs),
        }
    }

    fn round_trip(&mut self, frame: &[u8], deadline: Instant) -> Result<Reply, Error> {
        if self.is_greeted {
            self.write_all(frame, deadline)?;
        } else {
            let first = Zeroizing::new([Hello::OURS.to_bytes().as_slice(), frame].concat());
            // A daemon that refuses may close before it has read everything; what it said is still there to read.
            let written = self.write_all(&first, deadline);
            self.read_greeting(deadline).map_err(|error| match (written, error) {
                (Err(broken), Error::Broken(_)) => broken,
                (_, error) => error,
            })?;
        }
        self.read_reply(deadline)
    }

    fn read_reply(&mut self, deadline: Instant) -> Result<Reply, Error> {
        let mut header = [0; frame::HEADER];
        self.read_exact(&mut header, deadline)?;
        let length = frame::body_length(header, MAX_REPLY).map_err(|_| Error::NotOurs)?;
        let mut body = Zeroizing::new(vec![0; length]);
        self.read_exact(&mut body, deadline)?;
        codec::decode(&body).map_err(|_| Error::NotOurs)
    }

    fn read_greeting(&mut self, deadline: Instant) -> Result<(), Error> {
        let mut bytes = [0; hello::LENGTH];
        self.read_exact(&mut bytes, deadline)?;
        match Greeting::from_bytes(bytes).map_err(|_| Error::NotOurs)? {
            // With one version spoken there is never a lower one to send the call again in.
            Greeting::Welcome { version } if version == Hello::OURS.highest => {
                self.is_greeted = true;
                Ok(())
            }
            Greeting::Welcome { .. } => Err(Error::NotOurs),
            Greeting::Refused { reason } => {
                let mut range = [0; REFUSAL_LENGTH];
                self.read_exact(&mut range, deadline)?;
                let (theirs, _) = Refusal::read_range(range);
                Err(match reason {
                    RefusalReason::Version => Error::Version { theirs },
                    RefusalReason::Denied => Error::Denied,
                    RefusalReason::Malformed | RefusalReason::Unknown(_) => Error::NotOurs,
                })
            }
        }
    }

    fn read_exact(&mut self, mut buffer: &mut [u8], deadline: Instant) -> Result<(), Error> {
        while !buffer.is_empty() {
            self.limit(Timeout::Recv, deadline)?;
            match self.stream.read(buffer) {
                Ok(0) => return Err(Error::Broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => buffer = buffer.split_at_mut(read).1,
                Err(error) => interrupted_or(error)?,
            }
        }
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), Error> {
        while !bytes.is_empty() {
            self.limit(Timeout::Send, deadline)?;
            match self.stream.write(bytes) {
                Ok(written) => bytes = bytes.split_at(written).1,
                Err(error) => interrupted_or(error)?,
            }
        }
        Ok(())
    }

    /// Lets the next operation take no longer than until `deadline`.
    fn limit(&self, which: Timeout, deadline: Instant) -> Result<(), Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Deadline);
        }
        // The system counts in microseconds, and zero would mean for ever.
        let left = left.max(Duration::from_micros(1));
        set_socket_timeout(self.stream.as_fd(), which, Some(left))
            .map_err(|errno| Error::Broken(errno.into()))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn connect(socket: &Path, timeout: Duration) -> Result<OwnedFd, Errno> {
    let stream = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&stream, FdFlags::CLOEXEC)?;
    // Connecting waits while the daemon's queue is full, and for a stopped daemon that would be for ever.
    set_socket_timeout(&stream, Timeout::Send, Some(timeout.max(Duration::from_micros(1))))?;
    let address = SocketAddrUnix::new(socket)?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&stream, &address))?;
    Ok(stream)
}

fn frame_of(call: &Call) -> Result<Zeroizing<Vec<u8>>, Error> {
    let body = codec::encode(call).map_err(|_| Error::NotOurs)?;
    let header = frame::header(body.len(), MAX_CALL).map_err(|error| {
        Error::Failed(guestissuer_proto::Failure::new(
            guestissuer_proto::FailureCode::Usage,
            format!("what was given is too long to be one: {error}"),
        ))
    })?;
    Ok(Zeroizing::new([header.as_slice(), &body].concat()))
}

fn interrupted_or(error: io::Error) -> Result<(), Error> {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::Interrupted]) {
        return Ok(());
    }
    if is(&[io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut]) {
        return Err(Error::Deadline);
    }
    Err(Error::Broken(error))
}
