//! The program: its first lines, its exit codes and its silence about secrets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use guestissuer_sandbox::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN};
use guestissuer_sandbox::{DEFAULT_ISSUER, DEFAULT_SECRET};

use crate::client::jwt;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestissuer-sandbox"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program, ended with its test.
struct Running {
    child: Child,
    /// What it prints at its start, line by line.
    lines: Vec<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = stdout.lines().take(4).map(Result::unwrap).collect();
        Self { child, lines }
    }

    fn address(&self) -> &str {
        self.lines[0].strip_prefix("listening on http://").unwrap()
    }

    /// Sends a signal, and gives how the program ended and what it wrote to standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (code, errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either fails if the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fails(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn login(address: &str, jwt: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /v1/jwt/login HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {jwt}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_listens_and_what_to_paste_and_ends_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let running = Running::start(&["--token-life", "90s"]);
        let address = running.address().to_owned();
        assert_eq!(
            running.lines[1],
            format!(
                "gi issuer add sandbox --id {DEFAULT_ISSUER} --api-base http://{address}/v1 --credentials - \
                 <<< '{{\"issuer\":\"{DEFAULT_ISSUER}\",\"secret\":\"{DEFAULT_SECRET}\"}}'"
            )
        );
        assert!(running.lines[2].contains("/_control"));
        let jwt = jwt("123");
        let answer = login(&address, &jwt);
        assert!(answer.contains("\"expiresIn\":90"), "{answer}");
        let (code, errors) = running.end(signal);
        assert_eq!((code, errors.as_str()), (Some(0), "POST /v1/jwt/login guest 123 -> 200\n"));
    }
}

#[test]
fn the_service_app_s_line_can_be_pasted() {
    let running = Running::start(&["--quiet"]);
    let (command, json) = running.lines[3].split_once(" <<< ").unwrap();
    let address = running.address();
    assert_eq!(
        command,
        format!(
            "gi issuer add sandbox-app --kind service-app --api-base http://{address}/v1 --credentials -"
        )
    );
    let output = Command::new("bash").args(["-c", &format!("printf %s {json}")]).output().unwrap();
    let credentials: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        credentials,
        serde_json::json!({
            "client_id": DEFAULT_CLIENT_ID,
            "client_secret": DEFAULT_CLIENT_SECRET,
            "refresh_token": DEFAULT_REFRESH_TOKEN,
        })
    );
}

#[test]
fn quiet_it_writes_nothing_about_requests() {
    let running = Running::start(&["--quiet"]);
    login(running.address(), "x");
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let running = Running::start(&[]);
    let port = running.address().rsplit(':').next().unwrap();
    let output = fails(&["--port", port]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1);
    assert!(errors.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{errors}");
}

#[test]
fn a_port_can_be_used_again_after_a_restart() {
    let running = Running::start(&[]);
    let port = running.address().rsplit(':').next().unwrap().to_owned();
    login(running.address(), "x");
    assert_eq!(running.end("-TERM").0, Some(0));
    let again = Running::start(&["--port", &port]);
    assert!(again.address().ends_with(&port));
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    for arguments in
        [["--token-life", "90"].as_slice(), &["--clock-skew", "soon"], &["--port", "70000"], &["extra"]]
    {
        assert_eq!(fails(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(fails(&["--secret-file", "/nonexistent/secret"]).status.code(), Some(1));
}

#[test]
fn a_secret_of_the_users_own_is_not_printed() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox's secret");
    std::fs::write(&path, format!("{DEFAULT_SECRET}\n")).unwrap();
    let running = Running::start(&["--secret-file", path.to_str().unwrap(), "--clock-skew", "-1d"]);
    assert!(login(running.address(), &jwt("1")).starts_with("HTTP/1.1 200"));
    let line = running.lines[1].clone();
    assert!(!line.contains(DEFAULT_SECRET), "{line}");
    // What the shell makes of the line is the same as with a secret that is printed.
    let json = line.split_once("<<< ").unwrap().1;
    let output = Command::new("bash").args(["-c", &format!("printf %s {json}")]).output().unwrap();
    let expected = format!(r#"{{"issuer":"{DEFAULT_ISSUER}","secret":"{DEFAULT_SECRET}"}}"#);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let mut child = program(&["--port", "0"]).spawn().unwrap();
    drop(child.stdout.take());
    // Nothing is printed that could be waited for, so the signal comes once the program listens to it.
    let id = child.id().to_string();
    while !catches_term(&id) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was told to");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Whether the process has a handler for SIGTERM, from the mask in /proc.
fn catches_term(id: &str) -> bool {
    const SIGTERM_BIT: u64 = 1 << 14;
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap() & SIGTERM_BIT != 0
}
