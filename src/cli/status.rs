//! Runs `status`: shows the health of the running gateway. Exits with 1 where it accepts no requests, could not load the newest
//! files, or holds a credential that cannot be used.

use serde_json::Value as Json;

use super::Context;
use super::args::Status;
use super::control::Control;
use super::failure::{Exit, Failure, Outcome};
use crate::model::show::escape;

pub(super) async fn run(context: &Context, args: &Status) -> Outcome {
    let status = Control::client(context)?.get("/api/v1/status").await?;
    if args.live {
        return Ok(Exit::Done);
    }
    if context.output.is_json() {
        context.output.document(&status)?;
    } else {
        print(context, &status)?;
    }
    let is_ready = status.get("ready").and_then(Json::as_bool).unwrap_or(false);
    let failed = ["/reload/failure", "/reload/config_failure"]
        .into_iter()
        .any(|failure| status.pointer(failure).is_some_and(Json::is_string));
    let unhealthy = status.pointer("/credentials_unhealthy/0").is_some()
        || status.pointer("/credentials_unbound/0").is_some();
    Ok(if is_ready && !failed && !unhealthy {
        Exit::Done
    } else {
        Exit::Problems
    })
}

fn print(context: &Context, status: &Json) -> Result<(), Failure> {
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(Json::String(text)) => escape(text).into_owned(),
        Some(Json::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
            escape(&texts.join(", ")).into_owned()
        }
        None | Some(Json::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let word = |pointer: &str, yes: &'static str, no: &'static str| {
        if status
            .pointer(pointer)
            .and_then(Json::as_bool)
            .unwrap_or(false)
        {
            yes
        } else {
            no
        }
    };
    let mut lines = vec![
        format!(
            "tollgate {} is {}",
            text("/version"),
            word("/ready", "ready", "NOT READY")
        ),
        format!("  since        {}", text("/started_at")),
        format!("  proxy        {}", text("/proxy")),
        format!("  config       {}", text("/config")),
        format!("  state        {}", text("/data_dir")),
        format!(
            "  snapshot     {} connectors, {} routes, {} permissions and policies; since {}",
            text("/snapshot/connectors"),
            text("/snapshot/routes"),
            text("/snapshot/policies"),
            text("/reload/snapshot_since"),
        ),
        format!("  agents       {}", text("/agents")),
        format!("  exchanges    {} open", text("/exchanges_active")),
        format!("  approvals    {} pending", text("/approvals_pending")),
        format!(
            "  journal      {}",
            word("/journal_healthy", "ok", "CANNOT BE WRITTEN")
        ),
    ];
    lines.extend(journal(status));
    lines.extend(halts(status));
    lines.extend(credentials(status));
    lines.extend(files(status));
    context.output.line(&lines.join("\n"))
}

/// Returns what is to be known of the journal and its sinks, a line each.
fn journal(status: &Json) -> Vec<String> {
    let is = |key: &str| status.get(key).and_then(Json::as_bool) == Some(true);
    let mut lines = Vec::new();
    if is("journal_disk_low") {
        let line = "  journal      DISK IS LOW: less than `audit.min_free` is left";
        lines.push(line.to_owned());
    }
    if is("journal_forked") {
        let line = "  journal      FORKED: a record number has two hashes; `tollgate audit verify` shows where";
        lines.push(line.to_owned());
    }
    let sinks = status.get("sinks").and_then(Json::as_array);
    for sink in sinks.into_iter().flatten() {
        let count = |key: &str| sink.get(key).and_then(Json::as_u64).unwrap_or(0);
        let name = sink.get("name").and_then(Json::as_str).unwrap_or_default();
        let missed = match count("missed_records") {
            0 => String::new(),
            missed => format!(", MISSED {missed}"),
        };
        let behind = count("lag_records");
        lines.push(format!(
            "  sink         {}: {behind} records behind{missed}",
            escape(name)
        ));
    }
    lines
}

/// Returns warnings about credentials, a line each.
fn credentials(status: &Json) -> impl Iterator<Item = String> {
    let told = [
        ("/credentials_unhealthy", "CANNOT BE USED: ", ""),
        (
            "/credentials_failing",
            "NOT ACCEPTED: ",
            "; replace them: `tollgate credential rotate ID`",
        ),
        (
            "/credentials_unbound",
            "UNBOUND: ",
            "; their connectors now put them elsewhere: `tollgate credential list`",
        ),
        (
            "/credentials_resealed",
            "of an older build, bound to where their schemes put them at this start: ",
            "",
        ),
    ];
    told.into_iter().filter_map(|(pointer, before, after)| {
        let ids = status.pointer(pointer)?.as_array()?.iter();
        let ids: Vec<&str> = ids.filter_map(Json::as_str).collect();
        let shown = ids.join(", ");
        let line = format!("  credentials  {before}{}{after}", escape(&shown));
        (!ids.is_empty()).then_some(line)
    })
}

/// Returns the halts in effect, a line each.
fn halts(status: &Json) -> impl Iterator<Item = String> {
    let halts = status.pointer("/halts").and_then(Json::as_array);
    halts.into_iter().flatten().map(|halt| {
        let text = |key: &str| halt.get(key).and_then(Json::as_str).unwrap_or_default();
        let what = match text("scope") {
            "all" => "everything".to_owned(),
            kind => format!("{kind} {}", text("name")),
        };
        let line = format!("{what}, since {} by {}", text("since"), text("by"));
        format!("  HALTED       {}", escape(&line))
    })
}

/// Returns the state of the files: not active yet, not active for their errors, or active with warnings.
fn files(status: &Json) -> Vec<String> {
    let list = |pointer: &str| -> Vec<&str> {
        let items = status.pointer(pointer).and_then(Json::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect()
    };
    let mut lines = Vec::new();
    let keys = list("/reload/needs_restart").join(", ");
    if !keys.is_empty() {
        lines.push(format!("  config       needs a restart: {}", escape(&keys)));
    }
    let warnings = list("/reload/warnings").into_iter();
    lines.extend(warnings.map(|line| format!("  warning      {}", escape(line))));
    for (pointer, head) in [
        (
            "/reload/config_failure",
            "  config       HAS ERRORS; the one above stays active:",
        ),
        (
            "/reload/failure",
            "  reload       FAILED; the snapshot above stays active:",
        ),
    ] {
        if let Some(Json::String(failure)) = status.pointer(pointer) {
            lines.push(head.to_owned());
            lines.extend(failure.lines().map(|line| format!("    {}", escape(line))));
        }
    }
    lines
}
