//! Spawns the child of `run` with changed variables, forwards every signal to it, and waits for it.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::environment::Changes;
use crate::cli::failure::Failure;

/// Runs a command beside `keep`, which never ends, and returns its exit code, 128 + n for signal n.
pub(super) async fn run(
    command: &[OsString],
    changes: &Changes,
    has_terminal: bool,
    keep: impl Future<Output = ()>,
) -> Result<u8, Failure> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| Failure::usage("no command after `--`"))?;
    let mut spawning = Command::new(program);
    spawning.args(args);
    for (name, value) in changes {
        match value {
            Some(value) => spawning.env(name, value),
            None => spawning.env_remove(name),
        };
    }
    // Before the child lives, so that no signal is lost between the two.
    let mut signals = Signals::listen()?;
    let mut child = spawning
        .spawn()
        .map_err(|error| super::not_started(program, &error))?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    tokio::pin!(keep);
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map(exit_code).map_err(|error| Failure::failed("child", format!("the command is lost: {error}")));
            }
            signal = signals.next() => {
                // The terminal has already told the whole foreground group; twice would read as "now, at once".
                let from_terminal = has_terminal && (signal == Signal::INT || signal == Signal::QUIT);
                if let (Some(pid), false) = (pid, from_terminal) {
                    // The child may have ended in this moment; then there is no process to signal.
                    let _ = kill_process(pid, signal);
                }
            }
            () = &mut keep => {}
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code & 0xff).unwrap_or(1)
}

/// The signals that are passed on.
struct Signals {
    streams: [(tokio::signal::unix::Signal, Signal); 6],
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed("signals", format!("signals cannot be received: {error}"))
        };
        let listen = |kind| signal(kind).map_err(failed);
        Ok(Self {
            streams: [
                (listen(SignalKind::terminate())?, Signal::TERM),
                (listen(SignalKind::interrupt())?, Signal::INT),
                (listen(SignalKind::hangup())?, Signal::HUP),
                (listen(SignalKind::quit())?, Signal::QUIT),
                (listen(SignalKind::user_defined1())?, Signal::USR1),
                (listen(SignalKind::user_defined2())?, Signal::USR2),
            ],
        })
    }

    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (stream, signal) in &mut self.streams {
                if let std::task::Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return std::task::Poll::Ready(*signal);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}
