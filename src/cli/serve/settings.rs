//! Watches `tollgate.yaml` while the gateway runs: when it has changed, and which of its keys need a restart.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value as Json;

use crate::cli::Context;
use crate::cli::workspace::args;
use crate::config::diagnostic::{Report, Source};
use crate::config::{self, Config, Secrets, yaml};

/// Keys that take effect without a restart; all others are named where they have changed.
const RELOADED: [&str; 3] = ["agents", "credentials", "operators"];

/// Added directories take effect, removed ones do not, because a half-saved file would drop their policies.
const DIRECTORIES: [&str; 2] = ["connectors", "policies"];

/// The configuration that runs, and what became of the file since.
#[derive(Debug)]
pub(super) struct Settings {
    /// How the file was read at start.
    args: config::Args,
    /// The file as it was at start: what differs from it and needs a restart still does after the next change.
    started: Json,
    /// Stamp of the file when it was last read.
    read: Option<Stamp>,
    /// As at the last look; a file is read once it has been left alone for a moment.
    seen: Option<Stamp>,
    /// The reason why the present file has not taken effect.
    pub(super) failure: Option<String>,
    /// Keys whose change needs a restart.
    pub(super) needs_restart: Vec<String>,
}

/// Metadata that changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Settings {
    pub(super) fn new(context: &Context, config: &Config) -> Self {
        let args = args(context, None, Secrets::Needed);
        let file = config.file.as_deref();
        let stamp = file.and_then(stamp);
        Self {
            args: config::Args {
                config: config.file.clone(),
                ..args
            },
            started: file.map(document).unwrap_or(Json::Null),
            read: stamp,
            seen: stamp,
            failure: None,
            needs_restart: Vec::new(),
        }
    }

    /// Says that the file is read now; returns how to read it, and how it was at start.
    pub(super) fn begin_read(&mut self) -> (config::Args, Json) {
        self.read = self.args.config.as_deref().and_then(stamp);
        (self.args.clone(), self.started.clone())
    }

    /// Returns the file as it was at the start, and the variables of the process.
    pub(super) fn started(&self) -> (&Json, &BTreeMap<String, String>) {
        (&self.started, &self.args.env)
    }

    /// Returns whether the file has changed since it was read and been left alone since the last look.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = self.args.config.as_deref().and_then(stamp);
        let is_quiet = now == self.seen;
        self.seen = now;
        is_quiet && now != self.read
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    Some(Stamp {
        modified: found.modified().ok(),
        length: found.len(),
        inode: found.ino(),
    })
}

pub(in crate::cli) fn document(file: &Path) -> Json {
    let source = Source::new("", std::fs::read_to_string(file).unwrap_or_default());
    yaml::read(&source, &mut Report::default()).unwrap_or(Json::Null)
}

/// Returns whether a list has all that another has.
fn holds(list: &Json, other: &Json) -> bool {
    let items = |list: &Json| list.as_array().cloned().unwrap_or_default();
    let all = items(list);
    items(other).iter().all(|item| all.contains(item))
}

/// Returns the keys that differ and take effect only at a start, two levels deep.
pub(super) fn changed(started: &Json, now: &Json) -> Vec<String> {
    let keys = |document: &Json| -> Vec<String> {
        let fields = document.as_object();
        fields
            .into_iter()
            .flat_map(|fields| fields.keys().cloned())
            .collect()
    };
    let mut all = Vec::new();
    for key in keys(started).into_iter().chain(keys(now)) {
        if RELOADED.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let (old, new) = (&started[key.as_str()], &now[key.as_str()]);
        let grown = DIRECTORIES.contains(&key.as_str()) && holds(new, old);
        if old == new || grown {
            continue;
        }
        if old.is_object() || new.is_object() {
            let inner = keys(old).into_iter().chain(keys(new));
            let inner = inner.filter(|inner| old.get(inner) != new.get(inner));
            all.extend(inner.map(|inner| format!("{key}.{inner}")));
        } else {
            all.push(key);
        }
    }
    all.sort();
    all.dedup();
    all
}
