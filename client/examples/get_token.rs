#![expect(clippy::print_stdout, reason = "it is what the example is for")]
//! Prints an HTTP header with a valid access token of guest 123.

use std::time::Duration;

use guestissuer_client::{Client, Places, get_token};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let places = Places::find(None)?;
    let mut client = Client::connect(&places.socket, Duration::from_secs(5))?;
    let answer = client.ask(get_token("123".parse()?), Duration::from_secs(30))?;
    println!("Authorization: Bearer {}", answer.value.access_token.expose());
    Ok(())
}
