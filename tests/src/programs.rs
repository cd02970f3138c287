//! The programs under test, built once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds the programs in the profile of the running test, and says where they are.
///
/// Cargo builds the programs of a test's own package only, and these are other packages'.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = profile_directory();
        build(&directory);
        directory
    })
}

/// One of the programs.
pub fn program(name: &str) -> PathBuf {
    directory().join(name)
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in the repository")
}

fn profile_directory() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let mut directory = this.parent().expect("a program is in a directory").to_owned();
    if directory.ends_with("deps") {
        directory.pop();
    }
    directory
}

fn build(directory: &Path) {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let target = directory.parent().expect("a profile's directory is in the target directory");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--locked", "--bins", "--examples"])
        .args(["-p", "guestissuer-daemon", "-p", "guestissuer-client", "-p", "guestissuer-sandbox"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(repository());
    for name in of_this_package() {
        command.env_remove(name);
    }
    if directory.ends_with("release") {
        command.arg("--release");
    }
    assert!(command.status().expect("cargo runs").success(), "the programs must build");
}

/// The variables by which cargo tells a test about its package.
///
/// Build scripts that look at them, such as ring's, would take the tests' package for another version of their own,
/// and every change between `cargo build` and a test would build half of the dependencies anew.
fn of_this_package() -> impl Iterator<Item = OsString> {
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}
