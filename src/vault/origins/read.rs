//! Reads one secret where it lies: a file, what a program writes, a variable, or HashiCorp Vault. Blocks.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use zeroize::Zeroizing;

use super::access::SourceAccess;
use super::kv;
use super::unreadable::{MAX_SECRET, Unreadable, checked};
use crate::config::small_file;
use crate::model::credential::SecretOrigin;
use crate::model::secret::Secret;

/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// Where programs are looked for.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How soon what could not be read is read again.
const RETRY: Duration = Duration::from_secs(10);

/// How long before its end what was read is read again; a quarter of a short time.
const AHEAD: Duration = Duration::from_secs(30);

/// How much earlier than its time a value ends, since a gateway looks once a second.
const EARLY: Duration = Duration::from_secs(2);

/// A secret as it was read.
pub(super) struct Reading {
    pub(super) value: Result<Secret, Unreadable>,
    pub(super) read_at: ReadAt,
}

/// Shows when a secret must be read again.
#[derive(Default, Clone)]
pub(super) struct ReadAt {
    /// Of a file: what it was.
    pub(super) stamp: Option<Stamp>,
    /// When it is read again; `None` for files and variables.
    pub(super) due: Option<Instant>,
    /// When a value is too old to be used.
    pub(super) end: Option<Instant>,
}

impl ReadAt {
    /// For what holds so many seconds from the moment that reading it began.
    fn of(ttl: u64, began: Instant, is_read: bool) -> Self {
        let holds = Duration::from_secs(ttl);
        let due = if is_read {
            began + holds.saturating_sub(AHEAD.min(holds / 4))
        } else {
            Instant::now() + RETRY
        };
        Self {
            stamp: None,
            due: Some(due),
            end: is_read.then(|| began + holds.saturating_sub(EARLY)),
        }
    }
}

#[derive(PartialEq, Eq, Clone)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Reads a secret; the error says why not, without any of it.
pub(super) fn read(origin: &SecretOrigin, access: &SourceAccess) -> Reading {
    let began = Instant::now();
    let as_secret = |bytes| checked(bytes).map_err(Unreadable::from);
    let (value, read_at) = match origin {
        SecretOrigin::File(path) => {
            // Looked at first: a change while it is read is seen with the next look.
            let stamp = stamp(path);
            let bytes = small_file::read(path, MAX_SECRET);
            let bytes = bytes.map_err(|error| Unreadable::from(error.to_string()));
            let read_at = ReadAt {
                stamp,
                ..ReadAt::default()
            };
            (bytes.and_then(as_secret), read_at)
        }
        SecretOrigin::Env(name) => {
            let bytes = kv::variable(name, access).map_err(Unreadable::from);
            (bytes.and_then(as_secret), ReadAt::default())
        }
        SecretOrigin::Command { argv, ttl } => {
            let value = run(argv).map_err(Unreadable::from).and_then(as_secret);
            let read_at = ReadAt::of(*ttl, began, value.is_ok());
            (value, read_at)
        }
        SecretOrigin::VaultKv(place) => {
            // Each field is checked when it is taken.
            let value = kv::read(place, access).map(|bytes| Secret::new(bytes.to_vec()));
            let read_at = ReadAt::of(place.ttl, began, value.is_ok());
            (value, read_at)
        }
    };
    let value = value.map_err(|error| Unreadable {
        reason: format!("{origin}: {}", error.reason),
        ..error
    });
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
