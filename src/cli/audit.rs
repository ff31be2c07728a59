//! `audit`: events of the journal out, filtered, for people or as JSON; `tail -f` goes on with new ones.

pub(super) mod line;

use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Context;
use super::args::{AuditCommand, Filter};
use super::failure::{Exit, Failure, Outcome};
use super::workspace::Workspace;
use crate::model::show::escape;
use crate::store::{EventFilter, EventOrder, Store, StoredEvent};

/// How often `tail -f` looks for new events.
const POLL: Duration = Duration::from_millis(250);

pub(super) async fn run(context: &Context, command: AuditCommand) -> Outcome {
    let (filter, limit, follow) = match command {
        AuditCommand::Tail {
            follow,
            lines,
            filter,
        } => (filter, lines, follow),
        AuditCommand::Query { limit, filter } => (filter, limit, false),
    };
    let filter = event_filter(&filter, context.process.clock.utc())?;
    let store = Workspace::load(context)?.open_store().await?;
    let newest = EventFilter {
        limit: Some(limit),
        order: EventOrder::NewestFirst,
        ..filter.clone()
    };
    let since = store.last_seq().await?;
    let mut events = store.events(&newest).await?;
    events.reverse();
    if !follow && context.output.is_json() {
        let events: Vec<Json> = events.iter().map(document).collect();
        context.output.document(&json!({ "events": events }))?;
        return Ok(Exit::Done);
    }
    print(context, &events)?;
    if follow {
        let last = events.last().map_or(since, |event| event.seq.max(since));
        go_on(context, &store, filter, last).await?;
    }
    Ok(Exit::Done)
}

/// Prints records as they come, until the reader closes the pipe or the process is ended.
async fn go_on(
    context: &Context,
    store: &Store,
    filter: EventFilter,
    mut last: i64,
) -> Result<(), Failure> {
    let news = async {
        loop {
            tokio::time::sleep(POLL).await;
            let newer = EventFilter {
                after_seq: Some(last),
                ..filter.clone()
            };
            let events = store.events(&newer).await?;
            if let Some(event) = events.last() {
                last = event.seq;
                print(context, &events)?;
            }
        }
    };
    tokio::select! {
        ended = news => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn print(context: &Context, events: &[StoredEvent]) -> Result<(), Failure> {
    for event in events {
        if context.output.is_json() {
            context.output.document_line(&document(event))?;
        } else {
            context.output.line(&line::of(event))?;
        }
    }
    Ok(())
}

/// The record itself, with its place in the journal.
fn document(event: &StoredEvent) -> Json {
    let mut document = serde_json::from_str(&event.body)
        .unwrap_or_else(|_| json!({ "id": event.id, "unreadable": true }));
    if let Some(fields) = document.as_object_mut() {
        fields.insert("seq".to_owned(), event.seq.into());
    }
    document
}

fn event_filter(filter: &Filter, now: OffsetDateTime) -> Result<EventFilter, Failure> {
    let decisions = ["allow", "deny", "require_approval"];
    if let Some(decision) = filter
        .decision
        .as_deref()
        .filter(|decision| !decisions.contains(decision))
    {
        let shown = escape(decision);
        return Err(Failure::usage(format!(
            "`{shown}` is not a decision; one of {}",
            decisions.join(", ")
        )));
    }
    Ok(EventFilter {
        agent: filter.agent.clone(),
        action: filter.action.clone(),
        decision: filter.decision.clone(),
        code: filter.code.clone(),
        request_id: filter.request.clone(),
        since: filter
            .since
            .as_deref()
            .map(|text| moment(text, now))
            .transpose()?,
        ..EventFilter::default()
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
