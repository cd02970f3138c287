//! Python programs with the packages they need.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The Python that is on PATH.
const PYTHON: &str = "python3";

/// What another Python, or another place of it, would answer otherwise.
const IDENTITY: &str = "import sys; print(sys.version, sys.base_prefix)";

/// A Python with the packages of `requirements`, in a virtual environment below `directory`; none if this machine has
/// no Python.
///
/// The environment is made once and serves as long as neither the requirements nor the machine's Python change. It is
/// put in place as a whole, so that of several who make it at the same time one prevails and all are served.
pub fn with_packages(requirements: &Path, directory: &Path) -> Option<PathBuf> {
    let identity = match Command::new(PYTHON).args(["-c", IDENTITY]).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        output => output.expect("python3 starts"),
    };
    assert!(identity.status.success(), "{}", String::from_utf8_lossy(&identity.stderr));
    let mut hasher = DefaultHasher::new();
    identity.stdout.hash(&mut hasher);
    fs::read(requirements).expect("the requirements are readable").hash(&mut hasher);
    let environment = directory.join(format!("python-{:016x}", hasher.finish()));
    if !environment.exists() {
        make(&environment, requirements, directory);
    }
    Some(environment.join("bin").join("python"))
}

fn make(environment: &Path, requirements: &Path, directory: &Path) {
    let unfinished = tempfile::Builder::new().prefix("python-unfinished-").tempdir_in(directory);
    let unfinished = unfinished.expect("a directory for the environment");
    run(Command::new(PYTHON).args(["-m", "venv"]).arg(unfinished.path()));
    let mut pip = Command::new(unfinished.path().join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]);
    run(pip.arg(requirements));
    // Everything in it is found from where its Python is, except the scripts, which nobody uses.
    match fs::rename(unfinished.path(), environment) {
        // There is nothing left to remove.
        Ok(()) => drop(unfinished.keep()),
        // Someone else was faster.
        Err(_) if environment.exists() => {}
        Err(error) => panic!("{}: {error}", environment.display()),
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.success(), "{command:?}: {status}\n{}{}", text(&stdout), text(&stderr));
}
