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
//! | `POST /v1/access_token` | the Service App's tokens for a form with `grant_type=refresh_token`, `client_id`, `client_secret` and `refresh_token` |
//! | `POST /v1/guests/token` | `{"id","subject","displayName","email","accessToken","expiresIn":64799}` for `{"subject","displayName"}` and the app's access token |
//! | `GET /v1/guests/count` | how many guests the app has, as plain text |
//! | `GET /v1/people/me` | whom an access token belongs to: a guest, or the app as a `bot` |
//! | `GET /u2c/api/v1/catalog`, `GET /u2c/api/v1/limited/catalog` | no services, as Webex's JavaScript SDK wants to hear |
//!
//! A guest JWT must be signed with HS256 by the issuer's secret, name the issuer in `iss`, and have a `sub`; `exp`
//! is a number, a text of digits or absent. A JWT that fails gets `401` and Webex's generic text, one that is no
//! JWT at all `404`. Access tokens are sealed with the issuer's secret, so that a restarted sandbox still knows
//! those of its former life. Every answer has a `Date` by the sandbox's clock and a `trackingid`.
//!
//! ## The Service App
//!
//! There is one app: its client id is [`DEFAULT_CLIENT_ID`], its secret [`DEFAULT_CLIENT_SECRET`], and the refresh
//! token that a person would copy from the developer portal is [`DEFAULT_REFRESH_TOKEN`]. The last two must be
//! encoded to stand in a form. `POST /v1/access_token` answers
//! `{"access_token","expires_in":1209599,"refresh_token","refresh_token_expires_in":7775999,"token_type":"Bearer"}`.
//!
//! | what is wrong there | answer |
//! |---|---|
//! | another client id or secret | `401`, `{"error":"invalid_client","error_description":".."}` |
//! | a refresh token that is unknown, expired or dead | `400`, `invalid_grant` |
//! | another grant type | `400`, `unsupported_grant_type` |
//! | a field that is missing, empty or there twice | `400`, `invalid_request` |
//! | a body that is not a form | `415`, `invalid_request` |
//!
//! Without a valid access token the paths below `/v1/guests` answer `401`; without the scope, and to a guest's token,
//! `403` and a message that names the scope: `guest-issuer:write` to make a token, `guest-issuer:read` to count. A
//! subject or name that is missing, empty or no text gets `400`, a body that is not `application/json` `415`. Another
//! name for a known subject renames the guest, for its earlier tokens too.
//!
//! The app's access and refresh tokens are sealed like those of guests and live through a restart. What a restarted
//! sandbox has forgotten is which refresh tokens were used up, killed or renewed, the settings below, the names and
//! the number of the guests: tokens that died are alive again, and so is the first one.
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
//! curl $S/app                                         # the Service App: its newest tokens and its counts
//! curl $S/app/settings -d '{"rotation":"rotate-strict"}'  # any of the fields below
//! curl $S/app/settings                                # all of them
//! curl -X POST $S/app/revoke                          # ends the app's access tokens made until now
//! curl -X POST $S/app/kill                            # ends the app's refresh tokens made until now, the first too
//! curl -X POST $S/app/issue                           # a new pair, as a person gets one from the portal
//! curl -X POST $S/reset                               # all as it was at the start, except what has died
//! ```
//!
//! ## Settings of the Service App
//!
//! | field | meaning | at first |
//! |---|---|---|
//! | `rotation` | what becomes of a refresh token that is used, see below | `rotate-lenient` |
//! | `grace_ms` | how long a rotated refresh token lives on at most; `null` for no limit | `null` |
//! | `access_token` | `new`, or `same`: a refresh gives the last one again as long as it is valid | `new` |
//! | `access_life_ms`, `refresh_life_ms` | how long the app's tokens live | 14 and 90 days, less a second |
//! | `guest_life_ms` | how long a token lives that the app made for a guest | 64,799,000 |
//! | `expires_in`, `refresh_token_expires_in` | whether a refresh says it as a `number`, as a `string`, or not: `omit` | `number` |
//! | `errors` | the shape of errors at `/v1/access_token`: `oauth` or `webex` | `oauth` |
//! | `scopes` | what the app's tokens may, those made before the change too | `guest-issuer:read` and `:write` |
//! | `people` | whether a subject is another person than by a guest JWT, `own`, or the same, `shared` | `own` |
//!
//! | `rotation` | the answer has | the token that was used |
//! |---|---|---|
//! | `rotate-strict` | a new refresh token | dies at once |
//! | `rotate-lenient` | a new one | dies when the new one is used, or the access token that came with it |
//! | `rotate-keep` | a new one | lives on |
//! | `same` | the same one | lives on, for `refresh_life_ms` from now |
//! | `omit` | none, but a `refresh_token_expires_in` | lives on, for `refresh_life_ms` from now |
//!
//! `GET /_control/app` gives `client_id`, the newest `refresh_token` and `access_token` in clear, so that a test can
//! compare them with what a client has, `refreshes`, `rotations` (the refresh tokens that refreshes gave), and
//! `guests`. With `"mint":true`, a fault at `/v1/access_token` loses an answer whose refresh token has come to be.
//! A reset makes the first refresh token alive again; others that are dead stay dead.
//!
//! ## Faults
//!
//! A request meets at most one rule: the oldest that concerns it and is not spent. So rules that are posted one
//! after the other are served one after the other.
//!
//! | field | meaning |
//! |---|---|
//! | `path` | only requests for exactly this path; otherwise any outside `/_control` |
//! | `subject` | only requests whose guest JWT or access token names this guest, rightly or not; at `/v1/guests/token`, whose body does |
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
//! | `expires_in`, `omit_expires_in` | puts any JSON value into the `expiresIn` of an answer with a token, or leaves the field out |
//! | `token`, `omit_token` | puts this text into its `token`, or leaves the field out |
//!
//! The last two go by the names of each answer: `token` and `expiresIn` at `/v1/jwt/login`, `accessToken` and
//! `expiresIn` at `/v1/guests/token`, `access_token` and `expires_in` at `/v1/access_token`.
//!
//! They come in the order `mint`, `delay_ms`, `hang`, and then one way to end; what remains is the normal answer.
//! `truncate` cuts the rule's own answer if there is a `status` or a `body`, the real one with `mint`, and else one
//! that was made up. A `status` below 200 is sent without the answer that should follow it. Without `content_type`
//! a `body` is labelled JSON if it is, and else HTML.
//!
//! ## State
//!
//! All count since the start or the last reset. `requests` were begun, once they had arrived to the end of their
//! bodies; of them `logins` were for `/v1/jwt/login`, `guests_asked` for `/v1/guests/token` and `refreshes_asked` for
//! `/v1/access_token`. `mints` are the tokens made for guests in either way, and `app_refreshes` those that the app
//! got for a refresh token, arrived or not. `refused` is what the sandbox itself answered with an error. `in_flight`
//! and `hanging` are how many there are now. `mints_by_subject` has the first 100,000 guests. `wait` takes any of
//! the numbers with `at_least`, `at_most`
//! or both; it answers `200` as soon as they hold, or `408` after `timeout_ms` (10,000 unless given, at most 60,000),
//! in both cases with the state.
//!
//! The request log keeps the last 10,000 API requests. `status` is `null` while there is no answer, `fault` is the
//! rule that was met, `refusal` why the sandbox said no, and `jwt_life_s` the whole seconds from the sandbox's time
//! to the `exp` of the guest JWT. No token and no secret is ever logged.

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
