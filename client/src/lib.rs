//! A small blocking client of guestissuerd.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use guestissuer_client::{Client, Places, get_token};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let places = Places::find(None)?;
//! let mut client = Client::connect(&places.socket, Duration::from_secs(5))?;
//! let token = client.ask(get_token("123".parse()?), Duration::from_secs(30))?.value;
//! println!("Authorization: Bearer {}", token.access_token.expose());
//! # Ok(())
//! # }
//! ```
//!
//! Every call has a time limit and ends within it, also when the daemon is stopped in its tracks. The client never
//! starts or ends a daemon; `gi` does that on top of this library.

mod ask;
mod connection;
mod error;
mod places;
mod watch;

pub use ask::{
    Answered, Ask, Diagnose, EndMigration, IssuerAddChecked, IssuerDefault, IssuerList, IssuerShow,
    IssuerTest, IssuerUpdateChecked, ListDetails, Migrations, RemoveGuest, ShowGuest, Status, Stop, WhoAmI,
    get_token,
};
pub use connection::Client;
pub use error::Error;
pub use guestissuer_proto as proto;
pub use places::{NoHome, Places};
pub use watch::{Watch, Watched};
