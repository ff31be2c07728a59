//! Reads secrets that the vault does not keep itself: files, the output of commands. What cannot be read opens nothing.
//!
//! INVARIANT: an origin comes out of an authenticated row, so no connector or policy file and no agent can name one.

use std::collections::HashMap;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::model::credential::SecretOrigin;
use crate::model::secret::Secret;

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

/// The secrets of origins, as last read. Cheap to clone; clones share what was read.
#[derive(Clone, Default)]
pub struct Origins(Arc<Mutex<HashMap<SecretOrigin, Held>>>);

struct Held {
    value: Result<Secret, String>,
    /// Of a file: when and what it was.
    stamp: Option<Stamp>,
    /// Of a command: when it is run again.
    due: Option<Instant>,
}

#[derive(PartialEq, Eq, Clone)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Origins {
    /// Returns the secret of an origin, read now where it was not read yet.
    ///
    /// # Errors
    /// Why it cannot be read, without any of it.
    pub(super) fn value(&self, origin: &SecretOrigin) -> Result<Secret, String> {
        if let Some(held) = self.0.lock().get(origin) {
            return held.value.clone();
        }
        let held = read(origin);
        let value = held.value.clone();
        self.0.lock().insert(origin.clone(), held);
        value
    }

    /// Reads again what has changed or expired; returns whether any secret is another one now. Blocks while commands run.
    #[must_use]
    pub fn refresh(&self) -> bool {
        let now = Instant::now();
        let known = self.0.lock();
        let stale = known.iter().filter(|(origin, held)| match origin {
            SecretOrigin::File(path) => stamp(path) != held.stamp,
            SecretOrigin::Command { .. } => held.due.is_none_or(|due| due <= now),
        });
        let stale: Vec<SecretOrigin> = stale.map(|(origin, _)| origin.clone()).collect();
        drop(known);
        let mut has_changed = false;
        for origin in stale {
            let fresh = read(&origin);
            let mut known = self.0.lock();
            let before = known.get(&origin).map(|held| &held.value);
            has_changed |= match (before, &fresh.value) {
                (Some(Ok(before)), Ok(now)) => before.expose() != now.expose(),
                (Some(Err(_)), Err(_)) => false,
                _ => true,
            };
            known.insert(origin, fresh);
        }
        has_changed
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origins(..)")
    }
}

fn read(origin: &SecretOrigin) -> Held {
    let (bytes, stamp, due) = match origin {
        SecretOrigin::File(path) => {
            // Looked at first: a change while it is read is seen with the next look.
            let stamp = stamp(path);
            let value = std::fs::read(path).map_err(|error| error.to_string());
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
    Held { value, stamp, due }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: found.modified().ok(),
        length: found.len(),
        inode: found.ino(),
    })
}

/// Returns a secret without the line break at its end, where it could be sealed too.
fn checked(mut bytes: Vec<u8>) -> Result<Secret, &'static str> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    let length = bytes.len();
    let secret = Secret::new(bytes);
    if length > MAX_SECRET {
        return Err("it is too long for a secret");
    }
    if length < super::MIN_SECRET {
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
fn run(argv: &[String]) -> Result<Vec<u8>, String> {
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
        let mut bytes = Vec::with_capacity(1024);
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
