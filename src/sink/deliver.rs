//! Delivers lines to the receiver of a sink.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::otlp::Exporter;
use super::syslog::Syslog;
use super::webhook::Hook;
use crate::config::SinkTarget;
use crate::journal::Line;
use crate::model::clock::Clock;
use crate::outbound::Roots;

/// A target with what is open to it.
pub(super) enum Delivery {
    Stdout,
    File(PathBuf),
    Syslog(Syslog),
    Webhook(Hook),
    Otlp(Box<Exporter>),
}

impl Delivery {
    pub(super) fn to(
        target: SinkTarget,
        (roots, clock): (&Roots, &Clock),
        directory: &Path,
    ) -> Self {
        match target {
            SinkTarget::Stdout => Self::Stdout,
            SinkTarget::File(path) => Self::File(path),
            SinkTarget::Syslog(server) => Self::Syslog(Syslog::to(server, roots.clone())),
            SinkTarget::Webhook(webhook) => {
                Self::Webhook(Hook::new(webhook, roots.clone(), clock.clone()))
            }
            SinkTarget::Otlp(otlp) => Self::Otlp(Box::new(Exporter::new(
                otlp,
                roots,
                (clock.clone(), directory),
            ))),
        }
    }

    /// Delivers lines in their order. After an error any of them may have arrived.
    pub(super) async fn deliver(&mut self, lines: &[Line]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&text(lines))?;
                out.flush()
            }
            Self::File(path) => append(path, lines),
            Self::Syslog(syslog) => syslog.send(lines).await,
            Self::Webhook(hook) => hook.send(lines).await,
            Self::Otlp(exporter) => exporter.send(lines).await,
        }
    }
}

/// Appends lines to a file, all or none. It is opened for every batch, so that one that was rotated away is not written again.
fn append(path: &Path, lines: &[Line]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true).mode(0o600);
    let mut file: File = options.open(path)?;
    let mut out = text(lines);
    let length = file.metadata()?.len();
    if !file.metadata()?.is_file() {
        return file.write_all(&out);
    }
    if let Some(last) = length.checked_sub(1) {
        let mut end = [0];
        file.seek(SeekFrom::Start(last))?;
        file.read_exact(&mut end)?;
        if end != *b"\n" {
            // A crash has left an unfinished line.
            out.insert(0, b'\n');
        }
    }
    let written = file.write_all(&out).and_then(|()| file.sync_data());
    if written.is_err() {
        // What remains of it would be an unfinished line.
        let _ = file.set_len(length);
    }
    written
}

fn text(lines: &[Line]) -> Vec<u8> {
    let length = lines.iter().map(|line| line.as_bytes().len() + 1).sum();
    let mut text = Vec::with_capacity(length);
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}
