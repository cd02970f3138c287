//! One client: greeting, calls and replies as bytes, each within bounds of time and size.

use std::io;
use std::time::Duration;

use guestissuer_proto::frame::{self, MAX_CALL, MAX_REPLY};
use guestissuer_proto::hello::{self, Greeting, Hello, Refusal, RefusalReason};
use guestissuer_proto::request::GetToken;
use guestissuer_proto::{Call, Reply, Request, codec};
use interprocess::local_socket::tokio::Stream;
use rustix::net::RecvFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::handler::{Handler, Next};

/// How long a client may take for its hello and its first call, which it writes together.
const FIRST_CALL: Duration = Duration::from_secs(5);

/// How long a client may be silent between two calls.
const IDLE: Duration = Duration::from_secs(60);

/// How long a client may take to read its reply.
const WRITE: Duration = Duration::from_secs(10);

/// One client.
pub(super) struct Connection {
    stream: Stream,
    /// The welcome, until it is written together with the first reply: one write wakes the client once.
    welcome: Option<[u8; hello::LENGTH]>,
}

/// Why a connection ended before the client ended it.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the client was too slow")]
    TooSlow,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("the client sent an unacceptable frame")]
    Frame(#[from] frame::FrameError),
    #[error("the client sent a malformed call")]
    Malformed(#[from] codec::CodecError),
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, welcome: None }
    }

    /// Serves the client until it leaves, misbehaves, or the daemon stops.
    pub(super) async fn serve(mut self, handler: &Handler, stop: CancellationToken) {
        let first_until = Instant::now() + FIRST_CALL;
        let greeted = tokio::select! {
            greeted = timeout_at(first_until, self.greet()) => greeted,
            () = stop.cancelled() => return,
        };
        let ended = match greeted {
            Ok(Ok(Some(version))) => self.converse(handler, &stop, version, first_until).await,
            Ok(Ok(None)) => Ok(Next::Close),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Ended::TooSlow),
        };
        match ended {
            Ok(Next::HoldUntilTheEnd) => handler.hold(self.stream),
            Ok(Next::GoOn | Next::Close) => {}
            // Everyday: a client was interrupted. Nothing it sent is repeated here.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
            }
        }
    }

    /// Reads the hello and answers it. The version that was agreed on, if any.
    async fn greet(&mut self) -> io::Result<Option<u16>> {
        if !self.is_same_user()? {
            tracing::warn!("refused a connection of another user");
            self.refuse(RefusalReason::Denied, "this guestissuerd belongs to another user").await?;
            return Ok(None);
        }
        let mut bytes = [0; hello::LENGTH];
        self.stream.read_exact(&mut bytes).await?;
        let Ok(hello) = Hello::from_bytes(bytes) else {
            self.refuse(RefusalReason::Malformed, "this is a guestissuerd; use gi to talk to it").await?;
            return Ok(None);
        };
        let Some(version) = Hello::OURS.common_version(hello) else {
            let text = concat!("guestissuerd ", env!("CARGO_PKG_VERSION"));
            self.refuse(RefusalReason::Version, text).await?;
            return Ok(None);
        };
        let welcome = Greeting::welcome(version);
        if version == hello.highest {
            self.welcome = Some(welcome);
        } else {
            // The first call is in a version that only the client speaks; it waits to be told to send it again in ours.
            self.stream.write_all(&welcome).await?;
            self.skip_frame().await?;
        }
        Ok(Some(version))
    }

    async fn converse(
        &mut self,
        handler: &Handler,
        stop: &CancellationToken,
        version: u16,
        first_until: Instant,
    ) -> Result<Next, Ended> {
        let mut until = first_until;
        loop {
            let call = tokio::select! {
                biased;
                call = timeout_at(until, self.read_call()) => call.map_err(|_| Ended::TooSlow)??,
                () = stop.cancelled() => return Ok(Next::Close),
            };
            let Some(call) = call else { return Ok(Next::Close) };
            let deadline = Instant::now() + Duration::from_millis(u64::from(call.deadline_ms));
            if let Request::Watch(ask) = call.request {
                return self.watch(handler, stop, ask, deadline).await;
            }
            // Nobody waits for an answer to a client that has left; what it began goes on by itself.
            let (reply, next) = tokio::select! {
                biased;
                answered = handler.answer(call.request, deadline, version) => answered,
                () = self.gone() => return Ok(Next::Close),
            };
            timeout(WRITE, self.write_reply(&reply)).await.map_err(|_| Ended::TooSlow)??;
            match next {
                Next::GoOn => until = Instant::now() + IDLE,
                Next::Close | Next::HoldUntilTheEnd => return Ok(next),
            }
        }
    }

    /// Tells a client of one token after the other, until it leaves.
    async fn watch(
        &mut self,
        handler: &Handler,
        stop: &CancellationToken,
        ask: GetToken,
        deadline: Instant,
    ) -> Result<Next, Ended> {
        let (first, mut watching) = tokio::select! {
            biased;
            begun = handler.watch(ask, deadline) => begun,
            () = self.gone() => return Ok(Next::Close),
        };
        let mut reply = first;
        loop {
            timeout(WRITE, self.write_reply(&reply)).await.map_err(|_| Ended::TooSlow)??;
            let Some(watching) = &mut watching else { return Ok(Next::Close) };
            reply = tokio::select! {
                reply = watching.next() => reply,
                () = self.gone() => return Ok(Next::Close),
                () = stop.cancelled() => return Ok(Next::Close),
            };
        }
    }

    /// Returns when the client has left, but not if it has sent more before that.
    async fn gone(&self) {
        let Stream::UdSocket(socket) = &self.stream;
        let socket = socket.inner();
        loop {
            let peek = || {
                let mut byte = [0_u8];
                let (_, seen) = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
                Ok(seen)
            };
            let readable = socket.readable().await;
            match readable.and_then(|()| socket.try_io(Interest::READABLE, peek)) {
                Ok(0) => return,
                // The next call is here already; it is read when this one is answered.
                Ok(_) => return std::future::pending().await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// The next call; none if the client has left.
    async fn read_call(&mut self) -> Result<Option<Call>, Ended> {
        let mut header = [0; frame::HEADER];
        match self.stream.read_exact(&mut header).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let mut body = Zeroizing::new(vec![0; frame::body_length(header, MAX_CALL)?]);
        self.stream.read_exact(&mut body).await?;
        Ok(Some(codec::decode(&body)?))
    }

    async fn write_reply(&mut self, reply: &Reply) -> Result<(), Ended> {
        let body = codec::encode(reply)?;
        let welcome = self.welcome.take();
        let mut bytes = Zeroizing::new(Vec::with_capacity(hello::LENGTH + frame::HEADER + body.len()));
        bytes.extend(welcome.iter().flatten());
        bytes.extend(frame::header(body.len(), MAX_REPLY)?);
        bytes.extend(body.iter());
        Ok(self.stream.write_all(&bytes).await?)
    }

    async fn skip_frame(&mut self) -> io::Result<()> {
        let mut header = [0; frame::HEADER];
        self.stream.read_exact(&mut header).await?;
        let length = frame::body_length(header, MAX_CALL).map_err(io::Error::other)?;
        let mut body = Zeroizing::new(vec![0; length]);
        self.stream.read_exact(&mut body).await.map(drop)
    }

    async fn refuse(&mut self, reason: RefusalReason, text: &str) -> io::Result<()> {
        let refusal = Refusal { reason, speaks: Hello::OURS, text: text.to_owned() };
        self.stream.write_all(&refusal.to_bytes()).await
    }

    /// Whether the client runs as the user this daemon runs as.
    fn is_same_user(&self) -> io::Result<bool> {
        let Stream::UdSocket(socket) = &self.stream;
        Ok(socket.inner().peer_cred()?.uid() == rustix::process::geteuid().as_raw())
    }
}
