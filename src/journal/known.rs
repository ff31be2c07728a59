//! Looks for lines that others know in the files of a journal that is opened. It reads the files, not their summaries.

use std::io;
use std::path::Path;

use serde_json::Map;
use sha2::{Digest as _, Sha256};

use super::chain::{Head, hash, link};
use super::record::{Changed, Checkpoint, Covers, Identity, Started};
use super::segment;
use super::sign::is_signed;
use crate::model::hex::hex;

/// Written as `what` where a line is not the one that others know by its number.
pub(super) const FORK: &str = "journal.fork";

/// What became of a line that somebody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sighting {
    /// It is there, or went with an old segment, or a signed start says that it was lost.
    InPlace,
    /// Its number has another line, with this hash.
    Other([u8; 32]),
    /// Lines before and behind it are there.
    Nowhere,
}

/// Returns a record for each line that others know, where the files have another one or none although they go on behind it.
pub(super) fn forks(
    directory: &Path,
    (lines, last): (&[(String, Head)], u64),
    (identity, keys): (&Identity, &[String]),
) -> io::Result<Vec<Changed<'static>>> {
    let mut forks = Vec::new();
    for (source, known) in lines.iter().filter(|(_, known)| known.seq <= last) {
        let found = match look_for(directory, known, (identity, keys))? {
            Sighting::InPlace => continue,
            Sighting::Other(found) => hex(&found),
            Sighting::Nowhere => String::new(),
        };
        tracing::error!(
            source,
            seq = known.seq,
            "journal_fork: the number has another hash there than in the files; the journal was restored from a copy and written again, or changed"
        );
        forks.push(fork(source, known, found));
    }
    Ok(forks)
}

fn fork(source: &str, known: &Head, found: String) -> Changed<'static> {
    let mut detail = Map::new();
    detail.insert("seq".into(), known.seq.into());
    detail.insert("known".into(), hex(&known.hash).into());
    detail.insert("found".into(), found.into());
    Changed {
        what: FORK.into(),
        subject: source.to_owned().into(),
        detail,
        ..Changed::default()
    }
}

/// Looks for a line from the end of a journal.
fn look_for(
    directory: &Path,
    known: &Head,
    (identity, keys): (&Identity, &[String]),
) -> io::Result<Sighting> {
    let mut behind = Behind::default();
    // Hash that the oldest line names.
    let mut oldest = String::new();
    for segment in segment::list(directory)?.iter().rev() {
        if segment.number == segment::TAKEN_OVER {
            continue;
        }
        let text = segment.read_what_reads(directory)?;
        let whole = memchr::memrchr(b'\n', &text).unwrap_or(0);
        for line in text
            .get(..whole)
            .unwrap_or_default()
            .rsplit(|byte| *byte == b'\n')
        {
            let Some((seq, prev)) = link(line) else {
                continue;
            };
            if seq == known.seq {
                let found = hash(line);
                return Ok(if found == known.hash {
                    Sighting::InPlace
                } else {
                    Sighting::Other(found)
                });
            }
            if seq < known.seq {
                return Ok(behind.sighting());
            }
            behind.pass(line, (seq, known.seq), keys);
            prev.clone_into(&mut oldest);
        }
    }
    // Where the journal begins with its identity, nothing was removed.
    if oldest != hex(&Sha256::digest(identity.to_text())) {
        return Ok(Sighting::InPlace);
    }
    Ok(behind.sighting())
}

/// What the lines behind the one that is looked for say of it, newest first.
#[derive(Debug, Default)]
struct Behind {
    /// A line that a signature covers.
    covered: Option<Covers>,
    /// It was met; what is before it, up to a start, is signed.
    is_signed: bool,
    /// The last line that was met is a signed start that found the number missing.
    is_lost: bool,
}

impl Behind {
    fn pass(&mut self, line: &[u8], (seq, sought): (u64, u64), keys: &[String]) {
        let is_of = |kind: &[u8]| memchr::memmem::find(line, kind).is_some();
        if is_of(b"\"kind\":\"checkpoint\"")
            && let Ok(checkpoint) = serde_json::from_slice::<Checkpoint<'_>>(line)
        {
            let Checkpoint { covers, signature } = checkpoint;
            let mut keys = keys.iter();
            if keys.any(|key| is_signed(key, &covers, &signature)) {
                self.covered = Some(covers);
            }
        }
        let is_covered = |covers: &Covers| covers.seq == seq && covers.hash == hex(&hash(line));
        self.is_signed |= self.covered.as_ref().is_some_and(is_covered);
        self.is_lost = false;
        if is_of(b"\"kind\":\"started\"") {
            let started = serde_json::from_slice::<Started<'_>>(line).ok();
            let lost = started.and_then(|started| started.lost);
            self.is_lost =
                self.is_signed && lost.is_some_and(|lost| (lost.from..=lost.to).contains(&sought));
            self.is_signed = false;
            self.covered = None;
        }
    }

    fn sighting(&self) -> Sighting {
        if self.is_lost {
            Sighting::InPlace
        } else {
            Sighting::Nowhere
        }
    }
}
