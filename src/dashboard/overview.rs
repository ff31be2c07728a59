//! Shows the last day at a glance: decisions over time, refusals, who and what is used most, and what waits for an operator.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::Response;
use parking_lot::Mutex;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::document::Document as _;
use super::frame::Frame;
use super::refused::Refused;
use super::show::html;
use super::visitor::Visitor;

/// How long a summary is shown again without being counted again.
const FRESH: Duration = Duration::from_secs(5);

/// Height of the chart, in the units of the drawing.
const HEIGHT: u64 = 120;

/// Rows of each list.
const TOP: usize = 8;

/// Summaries that were counted a moment ago.
#[derive(Debug, Default)]
pub(super) struct Summaries(Mutex<HashMap<&'static str, (Instant, Arc<Json>)>>);

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    requests: u64,
    is_complete: bool,
    totals: Vec<(&'static str, &'static str, &'static str, u64)>,
    bars: Vec<Bar>,
    lists: Vec<ShareList>,
    agents_known: u64,
    connectors_known: u64,
    policies_known: u64,
    exchanges: u64,
}

/// A column of the chart: heights and places of its three parts.
struct Bar {
    x: usize,
    title: String,
    parts: Vec<(&'static str, u64, u64)>,
}

/// A name and how often it stands, with a bar.
struct Share {
    name: String,
    count: u64,
    width: u64,
}

/// The most frequent names of one kind, and the filter that selects one.
struct ShareList {
    title: &'static str,
    filter: &'static str,
    shares: Vec<Share>,
}

impl ShareList {
    fn of(summary: &Json, (title, name, filter): (&'static str, &str, &'static str)) -> Self {
        Self {
            title,
            filter,
            shares: shares(summary, name),
        }
    }
}

/// Shows the counts of the last day.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "overview", "Overview").await?;
    let summary = summary(&visitor, "24h").await?;
    let counts = frame.status.get("snapshot").cloned().unwrap_or_default();
    Ok(html(&OverviewPage {
        requests: summary.number("requests"),
        is_complete: summary.is("complete"),
        totals: vec![
            ("allow", "✓", "allowed", summary.number("allowed")),
            ("ask", "?", "asked", summary.number("asked")),
            ("deny", "✕", "denied", summary.number("denied")),
        ],
        bars: bars(summary.list("buckets")),
        lists: vec![
            ShareList::of(&summary, ("Agents", "agents", "agent")),
            ShareList::of(&summary, ("Actions", "actions", "action")),
            ShareList::of(&summary, ("Refusals", "codes", "code")),
        ],
        agents_known: frame.status.number("agents"),
        connectors_known: counts.number("connectors"),
        policies_known: counts.number("policies"),
        exchanges: frame.status.number("exchanges_active"),
        frame,
    }))
}

/// Returns the counts of the records since an age; they are at most a few seconds old.
pub(super) async fn summary(visitor: &Visitor, since: &'static str) -> Result<Arc<Json>, Refused> {
    let summaries = &visitor.app.shared.summaries.0;
    if let Some((at, summary)) = summaries.lock().get(since)
        && at.elapsed() < FRESH
    {
        return Ok(Arc::clone(summary));
    }
    let path = format!("/api/v1/metrics/summary?since={since}");
    let summary = Arc::new(visitor.client.get(&path).await?);
    summaries
        .lock()
        .insert(since, (Instant::now(), Arc::clone(&summary)));
    Ok(summary)
}

fn bars(buckets: &[Json]) -> Vec<Bar> {
    const PARTS: [(&str, &str); 3] = [
        ("allow", "allow"),
        ("require_approval", "ask"),
        ("deny", "deny"),
    ];
    let sum = |bucket: &Json| {
        PARTS
            .iter()
            .map(|(name, _)| bucket.number(name))
            .sum::<u64>()
    };
    let most = buckets.iter().map(sum).max().unwrap_or(0).max(1);
    let bar = |(at, bucket): (usize, &Json)| {
        let mut top = HEIGHT;
        let parts = PARTS.iter().map(|(name, class)| {
            let count = bucket.number(name);
            // What happened at all can be seen.
            let height = if count == 0 {
                0
            } else {
                (count * HEIGHT / most).max(2)
            };
            top = top.saturating_sub(height);
            (*class, top, height)
        });
        let parts: Vec<_> = parts.filter(|(_, _, height)| *height > 0).collect();
        let of = |name: &str| bucket.number(name);
        Bar {
            x: at * 20,
            title: format!(
                "{}: {} allowed, {} asked, {} denied",
                bucket.text("at"),
                of("allow"),
                of("require_approval"),
                of("deny")
            ),
            parts,
        }
    };
    buckets.iter().enumerate().map(bar).collect()
}

/// Returns the most frequent names of a count.
fn shares(summary: &Json, name: &str) -> Vec<Share> {
    let counts = summary.get(name).and_then(Json::as_object);
    let counts = counts.into_iter().flatten();
    let mut counts: Vec<(String, u64)> = counts
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
        .collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let most = counts.first().map_or(1, |(_, count)| (*count).max(1));
    let share = |(name, count): (String, u64)| Share {
        name,
        count,
        width: (count * 100 / most).max(1),
    };
    counts.into_iter().take(TOP).map(share).collect()
}
