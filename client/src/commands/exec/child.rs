//! The command beside gi: signals that reach gi are its own, and when it stops or ends, so does gi.
//!
//! The two share a process group, so what is typed at the terminal (Ctrl-C, Ctrl-\, Ctrl-Z) reaches both without help.

use std::fs;
use std::process::Child;

use guestissuer_client::proto::{Failure, FailureCode};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, waitpid};
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::Ended;

/// Signals that are passed on when they are sent to gi alone.
const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP];

/// Signals that gi gets from here on.
pub(super) struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// Catches what would end gi, and what tells of the child.
    pub(super) fn catch() -> Result<Self, Failure> {
        // What is ignored stays so, for the child too: nohup and shells that run a job in the background rely on it.
        let ignored = ignored();
        let is_heard = |signal: &&i32| ignored & (1 << (**signal - 1)) == 0;
        let passed_on = PASSED_ON.iter().filter(is_heard);
        let signals = SignalsInfo::new(passed_on.chain(&[SIGCHLD, SIGCONT]));
        signals
            .map(Self)
            .map_err(|error| Failure::new(FailureCode::Internal, format!("cannot wait for signals: {error}")))
    }

    /// Waits for the child's end, and passes on what is sent to gi meanwhile.
    pub(super) fn wait_for(&mut self, child: &mut Child) -> Result<Ended, Failure> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::new(FailureCode::Internal, "the command has no process id"))?;
        // What arrived before the child was there to get it is the child's all the same.
        let early: Vec<i32> = self.0.pending().map(|origin| origin.signal).collect();
        for signal in early.iter().filter(|signal| PASSED_ON.contains(signal)) {
            pass_on(pid, *signal);
        }
        if let Some(ended) = look_after(pid, early.contains(&SIGCONT))? {
            return Ok(ended);
        }
        loop {
            let batch: Vec<Origin> = self.0.wait().collect();
            // After Ctrl-Z and fg, gi learns at the same time that the child had stopped and that both go on.
            let goes_on = batch.iter().any(|origin| origin.signal == SIGCONT);
            for origin in batch {
                if is_for_the_child(&origin, pid) {
                    pass_on(pid, origin.signal);
                }
            }
            if let Some(ended) = look_after(pid, goes_on)? {
                return Ok(ended);
            }
        }
    }
}

fn pass_on(child: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        // Fails only if the child has just ended.
        let _ = kill_process(child, signal);
    }
}

/// The signals that are ignored, a bit each from the lowest on, where the system tells.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Whether a signal must be passed on: the child has not got it by itself, and did not send it.
fn is_for_the_child(origin: &Origin, child: Pid) -> bool {
    if origin.signal == SIGCHLD {
        return false;
    }
    // The terminal signals all of its foreground group.
    if matches!(origin.cause, Cause::Kernel) {
        return origin.signal == SIGCONT;
    }
    origin.process.as_ref().is_none_or(|sender| sender.pid != child.as_raw_nonzero().get())
}

/// How the child ended, if it has. If it was stopped, gi stops too until it is told to go on, unless it just was.
fn look_after(pid: Pid, goes_on: bool) -> Result<Option<Ended>, Failure> {
    loop {
        let waited =
            rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::NOHANG | WaitOptions::UNTRACED));
        let status = match waited {
            Ok(Some((_, status))) => status,
            Ok(None) => return Ok(None),
            Err(errno) => {
                let message = format!("cannot wait for the command: {errno}");
                return Err(Failure::new(FailureCode::Internal, message));
            }
        };
        if let Some(ended) = ended(status) {
            return Ok(Some(ended));
        }
        if status.stopped() && !goes_on {
            // Whoever waits for gi, a shell say, sees that the job has stopped.
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }
}

fn ended(status: WaitStatus) -> Option<Ended> {
    if let Some(signal) = status.terminating_signal() {
        return Some(Ended::Signalled(signal));
    }
    status.exit_status().map(|code| Ended::Exited(u8::try_from(code).unwrap_or(u8::MAX)))
}
