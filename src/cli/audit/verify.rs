//! `audit verify`: says what can be claimed of a journal, or names its first bad line and exits 1.

use std::path::Path;

use serde_json::Value as Json;

use super::{moment, unreadable};
use crate::cli::Context;
use crate::cli::args::Verify;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::workspace::Workspace;
use crate::journal::{Anchor, Report, Trust, verify};
use crate::model::show::escape;
use crate::store::Store;

pub(super) async fn run(context: &Context, args: &Verify) -> Outcome {
    let now = context.process.clock.utc();
    let since = args.since.as_deref().map(|text| moment(text, now));
    let anchors = args.anchor.as_deref().map(anchors).transpose()?;
    let (directory, stored) = match &args.dir {
        Some(directory) => (directory.clone(), None),
        None => (super::directory(context)?, stored(context).await?),
    };
    let trust = Trust {
        key: args.key.clone(),
        anchors: anchors.unwrap_or_default(),
        stored,
        since: since.transpose()?,
    };
    let report = verify(&directory, &trust).map_err(|error| unreadable(&error))?;
    if context.output.is_json() {
        context.output.document(&report)?;
    } else {
        print(context, &report)?;
    }
    Ok(match report.finding {
        Some(_) => Exit::Problems,
        None => Exit::Done,
    })
}

fn print(context: &Context, report: &Report) -> Result<(), Failure> {
    if let Some(finding) = &report.finding {
        let line = finding.line.map(|line| format!(":{line}"));
        return context.output.line(&format!(
            "{}{}: {}",
            escape(&finding.file),
            line.unwrap_or_default(),
            escape(&finding.problem)
        ));
    }
    let mut lines = vec![format!(
        "{}: {} records in {} segments, numbers {} to {}",
        report.claim.unwrap_or_default(),
        report.lines,
        report.segments,
        report.first_seq,
        report.last_seq
    )];
    match &report.key {
        Some(key) => lines.push(format!(
            "{} signatures up to number {} by the key {key}",
            report.signatures, report.signed_to
        )),
        None => lines.push("no signature".to_owned()),
    }
    if report.anchors > 0 {
        lines.push(format!("{} anchors met", report.anchors));
    }
    for lost in &report.lost {
        lines.push(format!(
            "numbers {} to {} are lost, as the gateway found at its start",
            lost.from, lost.to
        ));
    }
    if report.unfinished_bytes > 0 {
        lines.push(format!(
            "{} bytes of an unfinished line at the end",
            report.unfinished_bytes
        ));
    }
    context.output.line(&lines.join("\n"))
}

/// Returns what the store knows of the journal. A copy of the journal alone has no store.
async fn stored(context: &Context) -> Result<Option<Anchor>, Failure> {
    let workspace = Workspace::load(context)?;
    let Ok(store) = Store::open(&workspace.config().store_url).await else {
        return Ok(None);
    };
    let head = store.meta(crate::cli::serve::JOURNAL_HEAD).await?;
    let head = head.and_then(|head| {
        let (seq, hash) = head.split_once(' ')?;
        Some(Anchor {
            seq: seq.parse().ok()?,
            hash: hash.to_owned(),
        })
    });
    Ok(head)
}

/// Reads the checkpoints of a file, one JSON object a line.
fn anchors(file: &Path) -> Result<Vec<Anchor>, Failure> {
    let shown = file.display().to_string();
    let shown = escape(&shown);
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("`{shown}` cannot be read: {error}")))?;
    let read = |(at, line): (usize, &str)| {
        let line: Option<Json> = serde_json::from_str(line).ok();
        let anchor = line.and_then(|line| {
            Some(Anchor {
                seq: line.get("seq")?.as_u64()?,
                hash: line.get("hash")?.as_str()?.to_owned(),
            })
        });
        anchor.ok_or_else(|| {
            let number = at + 1;
            Failure::usage(format!("line {number} of `{shown}` is not a checkpoint"))
        })
    };
    text.lines().enumerate().map(read).collect()
}
