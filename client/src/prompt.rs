//! Asking a person at the terminal.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};

use guestissuer_client::proto::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest line that is read. A real secret has some hundred characters.
const LONGEST_LINE: u64 = 64 * 1024;

/// Asks for something that may be seen.
pub(crate) fn line(prompt: &str) -> io::Result<String> {
    show(prompt)?;
    Ok(read()?.trim().to_owned())
}

/// Asks for something that must not be seen.
///
/// The echo is turned off before the prompt is shown, so that not even what is pasted at once appears.
pub(crate) fn secret(prompt: &str) -> io::Result<Secret> {
    let silence = Silence::begin()?;
    show(prompt)?;
    let line = read();
    drop(silence);
    // The end of the line was not echoed either.
    show("\n")?;
    Ok(Secret::new(line?.trim().to_owned()))
}

/// Reads a line that must not be seen: from whoever sits at the terminal, or from what standard input is fed by.
pub(crate) fn piped_secret(prompt: &str) -> io::Result<Secret> {
    if io::stdin().is_terminal() { secret(prompt) } else { piped() }
}

/// Reads a line from standard input, with nothing around it.
pub(crate) fn piped() -> io::Result<Secret> {
    Ok(Secret::new(read()?.trim().to_owned()))
}

fn show(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

fn read() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    BufReader::new(io::stdin().take(LONGEST_LINE)).read_line(&mut line)?;
    Ok(line)
}

/// The terminal does not echo, for as long as this exists.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // If the terminal has gone, there is nothing left to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
