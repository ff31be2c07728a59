//! Runs `audit verify`: says what can be claimed of a journal, or names its first bad line and exits 1.

use std::path::Path;

use serde_json::Value as Json;

use super::{moment, remote, unreadable};
use crate::cli::Context;
use crate::cli::api::Api;
use crate::cli::args::Verify;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::workspace::Workspace;
use crate::journal::{Anchor, Report, STORED_HEAD, Trust, verify};
use crate::model::show::{counted, escape};
use crate::store::Store;

pub(super) async fn run(context: &Context, args: &Verify) -> Outcome {
    let report = match Api::remote(context)? {
        Some(api) => remote::verify(&api, args).await?,
        None => here(context, args).await?,
    };
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

/// Verifies the files of this machine.
async fn here(context: &Context, args: &Verify) -> Result<Report, Failure> {
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
        ..Trust::default()
    };
    verify(&directory, &trust).map_err(|error| unreadable(&error))
}

fn print(context: &Context, report: &Report) -> Result<(), Failure> {
    for finding in report.finding.iter().chain(&report.further) {
        let line = finding.line.map(|line| format!(":{line}"));
        context.output.line(&format!(
            "{}{}: {}",
            escape(&finding.file),
            line.unwrap_or_default(),
            escape(&finding.problem)
        ))?;
    }
    if report.finding.is_some() {
        return Ok(());
    }
    let mut lines = vec![format!(
        "{}: {} in {}, numbers {} to {}",
        report.claim.unwrap_or_default(),
        counted(report.lines, "records"),
        counted(report.segments, "segments"),
        report.first_seq,
        report.last_seq
    )];
    match &report.key {
        Some(key) => lines.push(format!(
            "{} up to number {} by the key {key}",
            counted(report.signatures, "signatures"),
            report.signed_to
        )),
        None => lines.push("no signature".to_owned()),
    }
    if report.anchors > 0 {
        lines.push(format!("{} met", counted(report.anchors, "anchors")));
    }
    if report.unsigned > 0 {
        lines.push(format!(
            "{} records at the end are not signed yet: they cannot be told from a forgery",
            report.unsigned
        ));
    }
    for found in &report.found_unsigned {
        lines.push(format!(
            "numbers {} to {} were not signed when a start found them: they cannot be told from a forgery",
            found.from, found.to
        ));
    }
    for lost in &report.lost {
        lines.push(format!(
            "numbers {} to {} are lost, as the gateway found at its start",
            lost.from, lost.to
        ));
    }
    if report.unfinished_bytes > 0 {
        lines.push(format!(
            "{} of an unfinished line at the end",
            counted(report.unfinished_bytes, "bytes")
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
    let head = store.meta(STORED_HEAD).await?;
    Ok(head.as_deref().and_then(Anchor::of_stored))
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
