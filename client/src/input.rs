//! Secrets from standard input.

use std::io::{self, BufRead as _, BufReader, Read as _};

use guestissuer_client::proto::{Failure, FailureCode, Secret};
use zeroize::Zeroizing;

/// The longest line that is read. Tokens are two or three kilobytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// The first line of standard input, without white space around it. `what` it is goes into the error.
pub(crate) fn secret(what: &str) -> Result<Secret, Failure> {
    let mut line = Zeroizing::new(String::new());
    let read = BufReader::new(io::stdin().take(LONGEST_LINE)).read_line(&mut line);
    read.map_err(|error| Failure::new(FailureCode::Usage, format!("cannot read the {what}: {error}")))?;
    let text = line.trim();
    if text.is_empty() {
        return Err(Failure::new(FailureCode::Usage, format!("there is no {what} on standard input")));
    }
    Ok(Secret::new(text.to_owned()))
}
