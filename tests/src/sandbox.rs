//! A running `guestissuer-sandbox`, and its controls.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::programs;

/// A Webex on loopback. Ends when dropped.
pub struct Sandbox {
    process: Child,
    address: String,
    /// The credentials it accepts, as `gi issuer add --credentials -` reads them.
    pub credentials: String,
    /// The same for its Service App.
    pub app_credentials: String,
}

impl Sandbox {
    /// Starts one whose tokens live for `token_life`, such as `6h`.
    pub fn start(token_life: &str) -> Self {
        Self::start_on(0, token_life)
    }

    fn start_on(port: u16, token_life: &str) -> Self {
        let mut process = Command::new(programs::program("guestissuer-sandbox"))
            .args(["--quiet", "--port", &port.to_string(), "--token-life", token_life])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let mut line = || lines.next().expect("the sandbox says where it is").expect("readable");
        let address = line().strip_prefix("listening on ").expect("an address").to_owned();
        let paste = line();
        let quoted = |paste: String| paste.split('\'').nth(1).expect("credentials in quotes").to_owned();
        let credentials = quoted(paste);
        let app_credentials = quoted(lines.by_ref().nth(1).expect("a line").expect("readable"));
        Self { process, address, credentials, app_credentials }
    }

    /// Ends it, as a crash would, and starts it again on the same port.
    #[must_use]
    pub fn restart(self, token_life: &str) -> Self {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        drop(self);
        Self::start_on(port, token_life)
    }

    /// Where it is, such as `http://127.0.0.1:8080`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its API is.
    pub fn api_base(&self) -> String {
        format!("{}/v1", self.address)
    }

    /// Makes it misbehave; see the sandbox's documentation.
    pub fn fault(&self, rule: &Value) {
        self.post("faults", rule);
    }

    /// Lets it behave again.
    pub fn mend(&self) {
        ureq::delete(self.control("faults")).call().expect("faults can be cleared");
    }

    /// Ends the tokens it made for a guest until now.
    pub fn revoke(&self, subject: &str) {
        self.post("revoke", &json!({ "subject": subject }));
    }

    /// Lets hanging requests go on.
    pub fn release(&self) {
        self.post("release", &json!({}));
    }

    /// Changes how long tokens live and how far its clock is off.
    pub fn settings(&self, settings: &Value) {
        self.post("settings", settings);
    }

    /// One of its counters, such as `mints`.
    pub fn count(&self, field: &str) -> u64 {
        self.get("state").get(field).and_then(Value::as_u64).expect("a counter")
    }

    /// How many tokens it minted for one guest.
    pub fn mints_of(&self, subject: &str) -> u64 {
        self.get("state")["mints_by_subject"].get(subject).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Waits until a counter has reached a number.
    pub fn wait_for(&self, field: &str, at_least: u64) {
        let timeout = 50_000;
        self.get(&format!("wait?field={field}&at_least={at_least}&timeout_ms={timeout}"));
    }

    /// Waits until a counter is down to a number.
    pub fn wait_for_at_most(&self, field: &str, at_most: u64) {
        self.get(&format!("wait?field={field}&at_most={at_most}&timeout_ms=50000"));
    }

    /// What was asked of it since entry `since`, oldest first.
    pub fn requests(&self, since: u64) -> Vec<Value> {
        self.get(&format!("requests?since={since}")).as_array().expect("a list").clone()
    }

    /// Changes how its Service App behaves; see the sandbox's documentation.
    pub fn app_settings(&self, settings: &Value) {
        self.post("app/settings", settings);
    }

    /// Its Service App: the newest tokens, and counts.
    pub fn app(&self) -> Value {
        self.get("app")
    }

    /// Does to its Service App what `what` says: `revoke`, `kill` or `issue`.
    pub fn app_does(&self, what: &str) {
        self.post(&format!("app/{what}"), &json!({}));
    }

    fn control(&self, path: &str) -> String {
        format!("{}/_control/{path}", self.address)
    }

    fn get(&self, path: &str) -> Value {
        let mut response =
            ureq::get(self.control(path)).call().unwrap_or_else(|error| panic!("{path}: {error}"));
        response.body_mut().read_json().expect("JSON")
    }

    fn post(&self, path: &str, body: &Value) {
        ureq::post(self.control(path))
            .send_json(body)
            .unwrap_or_else(|error| panic!("{path} {body}: {error}"));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
