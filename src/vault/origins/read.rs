//! Reads one secret where it lies: a file, or what a program writes. Blocks.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use zeroize::Zeroizing;

use crate::config::small_file;
use crate::model::credential::SecretOrigin;
use crate::model::secret::Secret;
use crate::vault::MIN_SECRET;

/// Longest secret that is read, in bytes.
const MAX_SECRET: usize = 64 * 1024;

/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// Where programs are looked for.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How soon a command that failed is run again.
const RETRY: Duration = Duration::from_secs(10);

/// A secret as it was read.
pub(super) struct Reading {
    pub(super) value: Result<Secret, String>,
    pub(super) read_at: ReadAt,
}

/// Shows when a secret must be read again.
#[derive(Default, Clone)]
pub(super) struct ReadAt {
    /// Of a file: what it was.
    pub(super) stamp: Option<Stamp>,
    /// Of a command: when it is run again.
    pub(super) due: Option<Instant>,
}

#[derive(PartialEq, Eq, Clone)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Reads a secret; the error says why not, without any of it.
pub(super) fn read(origin: &SecretOrigin) -> Reading {
    let (bytes, stamp, due) = match origin {
        SecretOrigin::File(path) => {
            // Looked at first: a change while it is read is seen with the next look.
            let stamp = stamp(path);
            let value = small_file::read(path, MAX_SECRET).map_err(|error| error.to_string());
            (value, stamp, None)
        }
        SecretOrigin::Command { argv, ttl } => {
            let value = run(argv);
            let holds = value.as_ref().map_or(RETRY, |_| Duration::from_secs(*ttl));
            (value, None, Some(Instant::now() + holds))
        }
    };
    let value = bytes.and_then(|bytes| checked(bytes).map_err(str::to_owned));
    let value = value.map_err(|reason| format!("{origin}: {reason}"));
    let read_at = ReadAt { stamp, due };
    Reading { value, read_at }
}

/// Returns what a file is now; `None` where it is not there.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: found.modified().ok(),
        length: found.len(),
        inode: found.ino(),
    })
}

/// Returns a secret without the line break at its end, where it could be sealed too.
fn checked(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, &'static str> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    let length = bytes.len();
    let secret = Secret::new(bytes.to_vec());
    if length > MAX_SECRET {
        return Err("it is too long for a secret");
    }
    if length < MIN_SECRET {
        return Err("it is too short for a secret");
    }
    let text = std::str::from_utf8(secret.expose()).map_err(|_| "it is not UTF-8")?;
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    if !text.chars().all(is_plain) || text.trim() != text {
        return Err("it holds control characters, or white space at its ends");
    }
    Ok(secret)
}

/// Runs a program without a shell, with nothing to read and nothing of the gateway's environment. What it writes on standard error
/// is dropped, since it may be secret.
fn run(argv: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let (program, arguments) = argv.split_first().ok_or("it names no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCHED)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let output = child.stdout.take().ok_or("it has no output")?;
    // What it has started may keep the pipe open, so nobody waits for its end longer than for the program.
    let (read, told) = mpsc::channel();
    std::thread::spawn(move || {
        // Never grown, since that would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 64));
        let ended = output.take(MAX_SECRET as u64 + 1).read_to_end(&mut bytes);
        let _ = read.send(ended.map(|_| bytes));
    });
    let bytes = told.recv_timeout(COMMAND_TIME);
    let status = match bytes {
        Ok(_) => wait(&mut child),
        Err(_) => None,
    };
    let (Ok(Ok(bytes)), Some(status)) = (bytes, status) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err("it does not end in time".to_owned());
    };
    if status.success() {
        Ok(bytes)
    } else {
        Err(format!("it ends with {status}"))
    }
}

/// Waits for a program that has written all it had to; `None` where it does not end.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < COMMAND_TIME {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(LOOK);
    }
    None
}
