//! Runs `audit`: prints records of the journal for people or as JSON, verifies it, and exports it. It reads the files of this
//! machine, for which no gateway is needed, or asks the one of `--server`.

pub(super) mod line;
mod remote;
mod unknown;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Context;
use super::api::Api;
use super::args::{AuditCommand, Filter, Format};
use super::control::Control;
use super::failure::{Exit, Failure, Outcome};
use super::offline;
use super::serve::JOURNAL_ROTATE;
use super::table::Table;
use super::workspace::Workspace;
use crate::journal::{self, Follower, Kind, Line, Query, Reader};
use crate::model::action::Risk;
use crate::model::glob::Glob;
use crate::model::show::escape;

/// How often `tail -f` looks for new records.
const POLL: Duration = Duration::from_millis(250);

/// What is shown: checkpoints tell a person nothing.
const SHOWN: [Kind; 5] = [
    Kind::Started,
    Kind::Decided,
    Kind::Finished,
    Kind::Changed,
    Kind::Summary,
];

pub(super) async fn run(context: &Context, command: AuditCommand) -> Outcome {
    Control::check_named(context).await?;
    let (filter, limit, follow) = match command {
        AuditCommand::Tail {
            follow,
            lines,
            filter,
        } => (filter, lines, follow),
        AuditCommand::Query { limit, filter } => (filter, limit, false),
        AuditCommand::RotateKey => return rotate_key(context).await,
        AuditCommand::Verify(args) => return verify::run(context, &args).await,
        AuditCommand::Export { format, filter } => {
            return match Api::remote(context)? {
                Some(api) => remote::export(context, &api, (format, &filter)).await,
                None => export(context, format, &filter),
            };
        }
    };
    if let Some(api) = Api::remote(context)? {
        return remote::query(context, &api, (&filter, limit, follow)).await;
    }
    let query = query(&filter, context.process.clock.utc())?;
    let directory = directory(context)?;
    // Before the last ones are read, so that none is between.
    let mut follower = Follower::at_the_end(&directory).map_err(|error| unreadable(&error))?;
    let lines = newest(&directory, query.clone(), limit)?;
    if lines.is_empty() {
        unknown::tell(context, &filter).await;
    }
    if !follow && context.output.is_json() {
        let records: Vec<Json> = lines.iter().map(document).collect();
        context.output.document(&json!({ "records": records }))?;
        return Ok(Exit::Done);
    }
    show(context, &lines, follow)?;
    if follow {
        let shown = lines
            .last()
            .and_then(Line::front)
            .map_or(0, |front| front.seq);
        go_on(context, &mut follower, query, shown).await?;
    }
    Ok(Exit::Done)
}

/// Asks the next start of the gateway for a new key: only a gateway writes the journal.
async fn rotate_key(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let _lock = offline::claim(context, &workspace).await?;
    store.put_meta(JOURNAL_ROTATE, "1").await?;
    store.close().await;
    context
        .output
        .line("the next start of the gateway signs with a new key")?;
    Ok(Exit::Done)
}

/// Returns where the journal of the configuration is. Without a store there was no gateway yet.
pub(super) fn directory(context: &Context) -> Result<PathBuf, Failure> {
    let directory = Control::find(context)?.state().journal();
    if directory.is_dir() {
        return Ok(directory);
    }
    let shown = directory.display().to_string();
    let failure = Failure::unreached(
        "no_journal",
        format!("there is no journal at `{}`", escape(&shown)),
    );
    Err(failure.help("`tollgate serve` begins one"))
}

/// Returns the newest records that match, oldest first.
pub(super) fn newest(directory: &Path, query: Query, limit: usize) -> Result<Vec<Line>, Failure> {
    let reader = Reader::open(directory, query).map_err(|error| unreadable(&error))?;
    let mut lines: Vec<Line> = reader
        .take(limit)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&error))?;
    lines.reverse();
    Ok(lines)
}

pub(super) fn unreadable(error: &std::io::Error) -> Failure {
    Failure::failed("journal", format!("the journal cannot be read: {error}"))
}

/// Prints records as they come, until the reader leaves or the process is told to end.
async fn go_on(
    context: &Context,
    follower: &mut Follower,
    query: Query,
    mut shown: u64,
) -> Result<(), Failure> {
    let wanted = query.prepare();
    let news = async {
        loop {
            tokio::time::sleep(POLL).await;
            loop {
                let lines = follower.next_lines().map_err(|error| unreadable(&error))?;
                if lines.is_empty() {
                    break;
                }
                let is_new = |line: &&Line| {
                    line.front().is_some_and(|front| front.seq > shown)
                        && wanted.matches(line.as_bytes())
                };
                let fresh: Vec<Line> = lines.iter().filter(is_new).cloned().collect();
                shown = follower.cursor().seq.max(shown);
                print(context, &fresh)?;
            }
        }
    };
    tokio::select! {
        ended = news => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn export(context: &Context, format: Format, filter: &Filter) -> Outcome {
    let query = query(filter, context.process.clock.utc())?;
    let wanted = query.prepare();
    let form = match format {
        Format::Jsonl => journal::Format::Jsonl,
        Format::Csv => journal::Format::Csv,
        Format::Ocsf => journal::Format::Ocsf,
    };
    let directory = directory(context)?;
    if let Some(head) = form.head() {
        context.output.line(&head)?;
    }
    let mut follower = Follower::at(&directory, journal::Cursor::default());
    loop {
        let lines = follower.next_lines().map_err(|error| unreadable(&error))?;
        if lines.is_empty() {
            return Ok(Exit::Done);
        }
        for line in lines.iter().filter(|line| wanted.matches(line.as_bytes())) {
            if let Some(text) = journal::export(line, form) {
                context.output.line(&text)?;
            }
        }
    }
}

/// Prints records that are all known, below a head; those that follow later keep to the columns.
pub(super) fn show(context: &Context, lines: &[Line], follow: bool) -> Result<(), Failure> {
    if context.output.is_json() {
        return print(context, lines);
    }
    let mut table = Table::new(line::HEADS).coloured(context.process.shows_colour(), 3);
    if follow {
        table = table.at_least(line::WIDTHS);
    }
    for row in line::rows(lines) {
        table.row(row.each_ref().map(String::as_str));
    }
    table.print(&context.output)
}

/// Prints records as they come.
pub(super) fn print(context: &Context, lines: &[Line]) -> Result<(), Failure> {
    for line in lines {
        if context.output.is_json() {
            context.output.document_line(&document(line))?;
        } else {
            let mut table = Table::without_heads()
                .coloured(context.process.shows_colour(), 3)
                .at_least(line::WIDTHS);
            table.row(line::alone(line).each_ref().map(String::as_str));
            table.print(&context.output)?;
        }
    }
    Ok(())
}

/// The record as it was written.
pub(super) fn document(line: &Line) -> Json {
    serde_json::from_slice(line.as_bytes()).unwrap_or_else(|_| json!({ "unreadable": true }))
}

fn query(filter: &Filter, now: OffsetDateTime) -> Result<Query, Failure> {
    let decisions = ["allow", "deny", "require_approval"];
    let unknown = |decision: &&String| !decisions.contains(&decision.as_str());
    if let Some(decision) = filter.decision.as_ref().filter(unknown) {
        let shown = escape(decision);
        return Err(Failure::usage(format!(
            "`{shown}` is not a decision; one of {}",
            decisions.join(", ")
        )));
    }
    let time = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| moment(text, now)).transpose()
    };
    let risk = filter.risk.as_deref().map(str::parse::<Risk>).transpose();
    Ok(Query {
        agent: filter.agent.clone(),
        connector: filter.connector.clone(),
        action: filter.action.as_deref().map(Glob::new),
        decision: filter.decision.clone(),
        code: filter.code.clone(),
        risk: risk.map_err(|error| Failure::usage(escape(&error.to_string()).into_owned()))?,
        kinds: SHOWN.to_vec(),
        request_id: filter.request.clone(),
        since: time(&filter.since)?,
        until: time(&filter.until)?,
        text: filter.text.clone(),
    })
}

/// Reads RFC 3339, or an age counted back from now.
pub(super) fn moment(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, Failure> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(moment);
    }
    let bad = || {
        Failure::usage(format!(
            "`{}` is not a time; write 2026-01-31T12:00:00Z, or an age such as 15m, 2h, 7d",
            escape(text)
        ))
    };
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let count: i64 = text
        .strip_suffix(unit)
        .and_then(|digits| digits.parse().ok())
        .filter(|count| *count >= 0)
        .ok_or_else(bad)?;
    let age = count.checked_mul(seconds).ok_or_else(bad)?;
    now.checked_sub(time::Duration::seconds(age))
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::{OffsetDateTime, moment};

    #[test]
    fn a_time_is_a_moment_or_an_age() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(10);
        assert_eq!(moment("2h", now).unwrap(), now - time::Duration::hours(2));
        assert_eq!(
            moment("1970-01-02T00:00:00Z", now).unwrap(),
            OffsetDateTime::UNIX_EPOCH + time::Duration::days(1)
        );
        for bad in [
            "",
            "h",
            "-1h",
            "2",
            "2w",
            "9223372036854775807d",
            "yesterday",
        ] {
            assert!(moment(bad, now).is_err(), "{bad}");
        }
    }
}
