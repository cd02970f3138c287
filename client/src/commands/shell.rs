//! `gi completions` and `gi man`.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use guestissuer_client::proto::{Failure, FailureCode};

use crate::cli::{Completions, Man};
use crate::manual::Page;
use crate::output::{Output, print};
use crate::{complete, manual};

/// A manual is for every user of the machine, as far as the umask has it.
const READABLE_BY_ALL: u32 = 0o644;

pub(super) fn completions(completions: &Completions) -> Result<(), Failure> {
    print(complete::script(completions.shell))?;
    Ok(())
}

/// A page for each command, or the one of gi. A page is there as a whole or not at all.
pub(super) fn man(man: Man, output: &Output) -> Result<(), Failure> {
    let failed = |error: &io::Error| {
        Failure::new(FailureCode::Internal, format!("cannot make the manual pages: {error}"))
    };
    let Some(directory) = man.directory else {
        print(&manual::main_page().map_err(|error| failed(&error))?.text)?;
        return Ok(());
    };
    let pages = manual::pages().map_err(|error| failed(&error))?;
    let written = fs::create_dir_all(&directory)
        .and_then(|()| pages.iter().try_for_each(|page| write(page, &directory)));
    written.map_err(|error| {
        let place = directory.display();
        Failure::new(FailureCode::Internal, format!("cannot write the manual pages to {place}: {error}"))
    })?;
    output.message(&format!("wrote {} manual pages to {}", pages.len(), directory.display()));
    Ok(())
}

fn write(page: &Page, directory: &Path) -> io::Result<()> {
    let mode = Permissions::from_mode(READABLE_BY_ALL);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
    file.write_all(page.text.as_bytes())?;
    file.persist(directory.join(&page.file))?;
    Ok(())
}
