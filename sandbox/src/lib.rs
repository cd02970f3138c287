//! Webex's guest API on loopback: for trying out how a program copes with Webex, good days and bad, offline.
//!
//! A [`Sandbox`] listens on 127.0.0.1 and answers like Webex under `/v1`. Under `/_control` it takes orders to
//! misbehave and tells what it has seen. The program `guestissuer-sandbox` is this library with a command line.
//! It speaks plain HTTP to whoever is on the same machine, its default secret is public, and its tokens open
//! nothing: it is no place for real guests.
//!
//! # The API
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/jwt/login` | `{"token":"..","expiresIn":21600}` for a guest JWT of the sandbox's issuer, after `Bearer` or bare |
//! | `GET /v1/people/me` | the guest an access token belongs to |
//!
//! A guest JWT must be signed with HS256 by the issuer's secret, name the issuer in `iss`, and have a `sub`; `exp`
//! is a number, a text of digits or absent. A JWT that fails gets `401` and Webex's generic text, one that is no
//! JWT at all `404`. Access tokens are sealed with the issuer's secret, so that a restarted sandbox still knows
//! those of its former life. Every answer has a `Date` by the sandbox's clock and a `trackingid`.
//!
//! # The control interface
//!
//! Bodies are JSON whatever their `Content-Type`; a request that makes no sense gets `400` and a `message`.
//! Control requests are neither counted nor logged, and never meet a fault. With `S=http://127.0.0.1:PORT/_control`:
//!
//! ```sh
//! curl $S/faults -d '{"path":"/v1/jwt/login","status":429,"retry_after":"3","times":2}'  # {"id":1}
//! curl $S/faults -d '{"subject":"123","hang":true}'   # guest 123 waits until released
//! curl $S/faults                                      # the rules that stand, with their hits
//! curl -X POST $S/release                             # what hangs goes on, the rules stay
//! curl -X DELETE $S/faults/1                          # removes one rule; what it holds goes on
//! curl -X DELETE $S/faults                            # removes them all
//! curl $S/settings -d '{"token_life_ms":60000,"clock_skew_ms":-300000}'  # both are optional
//! curl $S/settings                                    # both, and the sandbox's "now_ms"
//! curl $S/state                                       # the counts
//! curl "$S/wait?field=mints&at_least=3&timeout_ms=5000"  # the counts, once three tokens were made
//! curl "$S/requests?since=0"                          # who asked for what, and how it went
//! curl $S/revoke -d '{"subject":"123"}'               # ends the tokens made for a guest until now
//! curl -X POST $S/reset                               # all as it was at the start, except what was revoked
//! ```
//!
//! ## Faults
//!
//! A request meets at most one rule: the oldest that concerns it and is not spent. So rules that are posted one
//! after the other are served one after the other.
//!
//! | field | meaning |
//! |---|---|
//! | `path` | only requests for exactly this path; otherwise any outside `/_control` |
//! | `subject` | only requests whose guest JWT or access token names this guest, rightly or not |
//! | `times` | how many requests it hits, at least 1; otherwise it stands until removed |
//! | `mint` | `true`: the request is handled first and what it makes is counted, then the rest goes wrong |
//! | `delay_ms` | waits this long, at most an hour, and goes on |
//! | `hang` | `true`: waits until released, or until the client leaves |
//! | `status` | answers with this status, 100 to 999; errors without a `body` get Webex's |
//! | `body` | answers with exactly this text, and 200 unless `status` says otherwise |
//! | `retry_after`, `content_type`, `headers` | set headers, of the rule's answer or else of the normal one |
//! | `reset` | `true`: resets the TCP connection |
//! | `close` | `true`: closes the connection without an answer |
//! | `garbage` | `true`: sends bytes that are not HTTP and closes |
//! | `truncate` | `true`: announces a longer body than it sends and closes |
//! | `endless` | `true`: sends a body that never ends |
//! | `expires_in`, `omit_expires_in` | puts any JSON value into a login's `expiresIn`, or leaves the field out |
//! | `token`, `omit_token` | puts this text into a login's `token`, or leaves the field out |
//!
//! They come in the order `mint`, `delay_ms`, `hang`, and then one way to end; what remains is the normal answer.
//! `truncate` cuts the rule's own answer if there is a `status` or a `body`, the real one with `mint`, and else one
//! that was made up. A `status` below 200 is sent without the answer that should follow it. Without `content_type`
//! a `body` is labelled JSON if it is, and else HTML.
//!
//! ## State
//!
//! `requests`, `logins` and `mints` count what was begun, asked and made since the start or the last reset,
//! `refused` what the sandbox itself answered with an error. `in_flight` and `hanging` are how many there are now.
//! `mints_by_subject` has the first 100,000 guests. `wait` takes any of the six numbers with `at_least`, `at_most`
//! or both; it answers `200` as soon as they hold, or `408` after `timeout_ms` (10,000 unless given, at most 60,000),
//! in both cases with the state.
//!
//! The request log keeps the last 10,000 API requests. `status` is `null` while there is no answer, `fault` is the
//! rule that was met, `refusal` why the sandbox said no, and `jwt_life_s` the whole seconds from the sandbox's time
//! to the `exp` of the guest JWT. No token is ever logged.

mod api;
mod clock;
mod connection;
mod control;
mod counters;
mod faults;
mod jwt;
mod refusal;
mod server;
mod service_app;
mod settings;
mod token;
mod visit;
mod visits;
mod webex;
mod world;

pub use clock::{Skew, SkewError};
pub use server::{Sandbox, SandboxError};
pub use settings::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN};
pub use settings::{DEFAULT_ISSUER, DEFAULT_SECRET, DEFAULT_TOKEN_LIFE};
pub use settings::{RequestLines, Secret, SecretError, ServiceApp, Settings};
