//! A directory with a sandbox, a daemon and as many runs of `gi` as a test wants.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Daemon, Gi, Sandbox, daemon};

/// Everything a test needs. Leaves nothing behind.
pub struct World {
    /// The daemon; replaced when a test restarts it.
    pub daemon: Option<Daemon>,
    /// Webex.
    pub sandbox: Sandbox,
    directory: TempDir,
}

impl World {
    /// A sandbox whose tokens live for six hours, a daemon, and the issuer `acme`.
    pub fn new() -> Self {
        Self::with("6h", &[])
    }

    /// A sandbox whose tokens live for `token_life`, a daemon with these arguments, and the issuer `acme`.
    pub fn with(token_life: &str, args: &[&str]) -> Self {
        let mut world = Self::without_daemon(token_life);
        world.start(args);
        world.add_issuer("acme");
        world
    }

    /// A sandbox and a place for a daemon that is not running.
    pub fn without_daemon(token_life: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("gi-test-").tempdir().expect("a directory");
        Self { daemon: None, sandbox: Sandbox::start(token_life), directory }
    }

    /// Starts the daemon.
    pub fn start(&mut self, args: &[&str]) {
        self.daemon = Some(Daemon::start(self.path(), args));
    }

    /// Kills the daemon, if it is running, and starts it again.
    pub fn kill_and_start(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
        self.start(&[]);
    }

    /// The daemon.
    #[track_caller]
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon is running")
    }

    /// Gives the first issuer so many guests without tokens, `g00000` and so on, behind the back of the daemon, which is
    /// started again.
    pub fn fill(&mut self, guests: u32) {
        self.daemon.take().expect("the daemon is running").terminate();
        let path = self.state_dir().join("guestissuer.db");
        let mut database = rusqlite::Connection::open(path).expect("a database");
        let all = database.transaction().expect("a transaction");
        for n in 0..guests {
            let insert =
                "INSERT INTO guest (issuer_id, subject, display_name, pinned, created_at, last_used_at)
                          VALUES (1, ?1, 'N', 0, 0, 0)";
            all.execute(insert, [format!("g{n:05}")]).expect("a guest");
        }
        all.commit().expect("guests");
        drop(database);
        self.start(&[]);
    }

    /// Stores an issuer that the sandbox accepts.
    pub fn add_issuer(&self, name: &str) {
        let base = self.sandbox.api_base();
        let add = self.gi(["issuer", "add", name, "--credentials", "-", "--api-base", &base]);
        add.input(&self.sandbox.credentials).ok();
    }

    /// A sandbox, a daemon with these arguments, and the Service App `app`, whose own token is new.
    pub fn with_app(args: &[&str]) -> Self {
        let mut world = Self::without_daemon("6h");
        world.start(args);
        world.add_app("app");
        world
    }

    /// Stores a Service App that the sandbox accepts.
    pub fn add_app(&self, name: &str) {
        self.add_app_with(name, &self.sandbox.app_credentials, &[]).ok();
    }

    /// Storing a Service App with these credentials.
    pub fn add_app_with(&self, name: &str, credentials: &str, args: &[&str]) -> Gi {
        let base = self.sandbox.api_base();
        let add = self.gi(["issuer", "add", name, "--credentials", "-", "--api-base", &base]);
        add.args(args).input(credentials)
    }

    /// A run of `gi`.
    pub fn gi<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, args: I) -> Gi {
        Gi::new(&self.socket(), &self.state_dir()).args(args)
    }

    /// Ends a daemon that was started by `gi`, if there is one.
    pub fn stop(socket: &Path, state_dir: &Path) {
        Gi::new(socket, state_dir).args(["stop"]).run();
    }

    /// The directory of this test.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        daemon::socket(self.path())
    }

    /// The daemon's state directory.
    pub fn state_dir(&self) -> PathBuf {
        daemon::state_dir(self.path())
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
