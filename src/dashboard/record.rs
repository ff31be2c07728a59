//! Shows one request: what was asked, by whom, how it was read, why it was decided so, what went out and came back, and how long
//! each stage took.

mod copies;
mod row;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::Value as Json;

use super::client::segment;
use super::document::Document as _;
use super::draft::filled_in;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{Id, Mark, When, bytes, html, micros};
use super::visitor::Visitor;

pub(super) use row::{Done, Row};

/// Width of the longest bar, in the units of the drawing.
const BAR: u64 = 400;

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    frame: Frame,
    id: Id,
    when: When,
    agent: String,
    connector: String,
    decision: Mark,
    code: String,
    /// What the agent asked for, in a line.
    asked: String,
    facts: Vec<(&'static str, String)>,
    actions: Vec<ActionView>,
    candidates: Vec<String>,
    by: Vec<String>,
    failures: Vec<String>,
    reasons: Vec<(String, String)>,
    sent: Vec<(&'static str, String)>,
    stages: Vec<Stage>,
    links: Links,
    test: String,
    curl: String,
    raw: String,
}

/// An action of the request.
struct ActionView {
    name: String,
    risk: Mark,
    params: Vec<(String, String)>,
}

/// A stage, and the length of its bar.
struct Stage {
    name: &'static str,
    took: String,
    width: u64,
    /// Where its bar begins, behind those before.
    start: u64,
    y: usize,
}

/// Where the next steps are, filled in.
struct Links {
    playground: String,
    deny: String,
    ask: String,
    permit: String,
}

/// Shows one request with everything that is recorded of it.
pub(super) async fn page(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refused> {
    let path = format!("/api/v1/records/{}", segment(&id));
    let records = visitor.client.get(&path).await?;
    let frame = Frame::of(&visitor, "activity", format!("Request {id}")).await?;
    let none = Json::Null;
    let decided = records.get("decided").unwrap_or(&none);
    let finished = records.get("finished").unwrap_or(&none);
    let actions = decided.list("actions");
    Ok(html(&RecordPage {
        frame,
        id: Id::of(&id),
        when: When::of(&decided.text("time"), visitor.app.shared.setup.clock.utc()),
        agent: decided.text("agent"),
        connector: decided.text("connector"),
        decision: Mark::decision(&decided.text("decision")),
        code: decided.text("code"),
        asked: row::asked(decided),
        facts: facts(decided),
        actions: actions.iter().map(ActionView::of).collect(),
        candidates: decided.words("candidates"),
        by: decided.words("by"),
        failures: decided.words("failures"),
        reasons: reasons(&visitor, &decided.words("by")).await,
        sent: sent(decided, finished),
        stages: stages(decided, finished),
        links: links(decided),
        test: copies::test(decided),
        curl: copies::curl(decided),
        raw: serde_json::to_string_pretty(&records).unwrap_or_default(),
    }))
}

impl ActionView {
    fn of(action: &Json) -> Self {
        Self {
            name: action.text("name"),
            risk: Mark::risk(&action.text("risk")),
            params: action.pairs("params"),
        }
    }
}

/// Returns the reasons that policies give, as far as there are such policies still.
async fn reasons(visitor: &Visitor, by: &[String]) -> Vec<(String, String)> {
    let mut reasons = Vec::new();
    for id in by {
        let path = format!("/api/v1/policies/{}", segment(id));
        if let Ok(policy) = visitor.client.get(&path).await {
            reasons.push((id.clone(), policy.text("reason")));
        }
    }
    reasons
}

fn facts(decided: &Json) -> Vec<(&'static str, String)> {
    let host = decided.text("host");
    let mut facts = vec![
        (
            "Request",
            format!("{} {host}{}", decided.text("method"), decided.text("path")),
        ),
        ("From", decided.text("peer")),
        ("Tunnel", decided.text("tunnel")),
    ];
    if decided.get("body_bytes").is_some() {
        facts.push(("Body that was read", bytes(decided.number("body_bytes"))));
    }
    facts.push((
        "Headers not sent on",
        decided.words("dropped_headers").join(", "),
    ));
    facts.push(("Rules it was judged by", decided.text("snapshot")));
    facts.retain(|(_, value)| !value.trim().is_empty());
    facts
}

fn sent(decided: &Json, finished: &Json) -> Vec<(&'static str, String)> {
    let mut sent = vec![("Credential", decided.text("credential"))];
    if let Some(approval) = decided.get("approval") {
        let verdict = match approval.text("verdict").as_str() {
            "" => "nobody answered".to_owned(),
            verdict => format!(
                "{verdict} by {} at {}",
                approval.text("by"),
                approval.text("at")
            ),
        };
        sent.push(("Approval", format!("{} ({verdict})", approval.text("id"))));
    }
    if finished.is_object() {
        sent.extend([
            ("Outcome", finished.text("outcome")),
            ("Status", finished.text("status")),
            ("Failure", finished.text("failure")),
            ("Refused afterwards", finished.text("code")),
            ("Upstream", finished.text("upstream")),
            ("Bytes out", bytes(finished.number("request_bytes"))),
            ("Bytes in", bytes(finished.number("response_bytes"))),
        ]);
        if finished.number("masked") > 0 {
            let count = finished.number("masked");
            let what = finished.text("on_reflect");
            sent.push(("Credentials in the answer", format!("{count} ({what})")));
        }
        sent.push(("Took", format!("{} ms", finished.number("duration_ms"))));
    }
    sent.retain(|(_, value)| !value.is_empty());
    sent
}

/// Returns the stages that the request reached, in their order, each bar behind the one before.
fn stages(decided: &Json, finished: &Json) -> Vec<Stage> {
    const NAMES: [&str; 7] = [
        "admit", "classify", "collect", "decide", "record", "forward", "inject",
    ];
    let took = |name: &str| {
        let of = |record: &Json| record.get("stages_us")?.get(name)?.as_u64();
        of(finished).or_else(|| of(decided))
    };
    let found: Vec<(&'static str, u64)> = NAMES
        .into_iter()
        .filter_map(|name| Some((name, took(name)?)))
        .collect();
    let total: u64 = found.iter().map(|(_, took)| took).sum::<u64>().max(1);
    let mut before = 0;
    let stages = found.into_iter().enumerate().map(|(at, (name, took))| {
        let start = before * BAR / total;
        before += took;
        Stage {
            name,
            took: micros(took),
            width: (took * BAR / total).max(2),
            start,
            y: at * 22,
        }
    });
    stages.collect()
}

/// Returns where a policy or a question about this request begins.
fn links(decided: &Json) -> Links {
    let agent = decided.text("agent");
    let first = decided.list("actions").first().unwrap_or(&Json::Null);
    let builder = |kind: &str, decision: &str| filled_in((kind, decision), &agent, first);
    let mut question = form_urlencoded::Serializer::new(String::new());
    let url = format!("https://{}{}", decided.text("host"), decided.text("path"));
    question.append_pair("agent", &agent);
    question.append_pair("request", &format!("{} {url}", decided.text("method")));
    Links {
        playground: format!("/playground?{}", question.finish()),
        deny: builder("policy", "deny"),
        ask: builder("policy", "require_approval"),
        permit: builder("permission", "allow"),
    }
}
