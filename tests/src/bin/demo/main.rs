//! guestissuer-demo: shows the main job as a person would type it, against a Webex on loopback, and fails if
//! anything goes otherwise than it says.
//!
//! Two processes: the first owns a directory and a process group, in which the second plays with everything it
//! starts. However the play ends, the first ends what is left of the group and removes the directory.

mod stage;
mod story;

use std::os::unix::process::CommandExt as _;
use std::panic;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, set_child_subreaper, waitid,
    waitpgid,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Tells the second process what it is there for.
const PLAY: &str = "--play";

/// The exit code after an interruption.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => supervise(),
        [PLAY] => play(),
        _ => {
            eprintln!("usage: guestissuer-demo (it takes no arguments)");
            ExitCode::from(2)
        }
    }
}

/// Plays the story. What goes otherwise than told is a panic, here as in the harness.
fn play() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        // The default hook would add the place in the source, which says nothing to a viewer.
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it stumbled");
        eprintln!("The demo did not go as promised: {text}");
    }));
    match panic::catch_unwind(story::tell) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn supervise() -> ExitCode {
    let directory = tempfile::Builder::new().prefix("gi-demo-").tempdir().expect("a directory for the demo");
    // What the play starts becomes ours when the play ends, so that its end can be awaited.
    set_child_subreaper(Some(rustix::process::getpid())).expect("processes can be adopted");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (group, is_interrupted) = runtime.block_on(async {
        // Before there is anything that an interruption must end.
        let interruption = interruption();
        let group = start_play(directory.path());
        tokio::select! {
            () = end_of(group) => (group, false),
            () = interruption => (group, true),
        }
    });
    // The leader was not waited for yet, so the group is still ours and nobody else's.
    let _ = kill_process_group(group, Signal::KILL);
    let code = wait_for_all(group);
    if is_interrupted {
        eprintln!("The demo was interrupted; nothing of it is left.");
        return ExitCode::from(INTERRUPTED);
    }
    match code {
        Some(0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Starts the play in a process group of its own, with `directory` for all its files.
#[expect(clippy::zombie_processes, reason = "it is waited for together with what it starts")]
fn start_play(directory: &Path) -> Pid {
    let this = std::env::current_exe().expect("a running program has a path");
    let play = Command::new(this)
        .arg(PLAY)
        .env("TMPDIR", directory)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the play starts");
    Pid::from_raw(i32::try_from(play.id()).expect("a pid")).expect("a pid")
}

/// Waits for the end of a child, without taking its exit code.
async fn end_of(child: Pid) {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        // Nobody listens any more after an interruption.
        let _ = sender.send(());
    });
    let _ = receiver.await;
}

/// Listens from now on to signals that ask to end, and waits for one.
fn interruption() -> impl Future<Output = ()> {
    let listen = |kind| signal(kind).expect("signals can be listened to");
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hang_up = listen(SignalKind::hangup());
    async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Waits until nothing of the group is left; the exit code of its leader, if it had one.
fn wait_for_all(group: Pid) -> Option<i32> {
    let mut code = None;
    while let Ok(ended) = waitpgid(group, WaitOptions::empty()) {
        if let Some((pid, status)) = ended
            && pid == group
        {
            code = status.exit_status();
        }
    }
    code
}
