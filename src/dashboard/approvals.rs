//! Shows what waits for an operator, all of what would be sent, and takes the answer; made to be used on a phone.

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::client::segment;
use super::document::Document as _;
use super::draft::filled_in;
use super::frame::Frame;
use super::refused::Refused;
use super::show::{Id, Mark, When, html};
use super::visitor::{Posted, Visitor};
use crate::model::show::parameter;

const APPROVALS: &str = "/api/v1/approvals";

/// Answered approvals on the list.
const ANSWERED: usize = 30;

/// Parameters of an action: names and values.
type Pairs = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    pending: Vec<Waiting>,
    /// Approvals for a time that are not over.
    lasting: Vec<Waiting>,
    answered: Vec<Waiting>,
}

/// An approval in a list.
struct Waiting {
    id: String,
    agent: String,
    connector: String,
    /// Method, host and target.
    request: String,
    actions: Vec<(String, Mark, Pairs)>,
    reason: String,
    by: String,
    /// Why the card does not show everything that would be sent.
    partial: Vec<String>,
    status: Mark,
    opened: When,
    expires: When,
    open_first: bool,
    /// How many requests wait, in words.
    waiting: String,
    /// When an approval for a time is over.
    until: When,
}

/// Times that requests alike can be let pass for, in seconds.
const TIMES: [(&str, &str); 4] = [
    ("", "once"),
    ("1800", "30 minutes"),
    ("28800", "8 hours"),
    ("86400", "24 hours"),
];

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    frame: Frame,
    id: Id,
    approval: String,
    fingerprint: String,
    is_pending: bool,
    /// Whether requests alike pass by it.
    is_lasting: bool,
    times: [(&'static str, &'static str); 4],
    status: Mark,
    agent: String,
    request: String,
    opened: When,
    expires: When,
    reason: String,
    /// Permissions and policies that ask; policies can be opened.
    by: Vec<(String, bool)>,
    /// Where a permission begins that lets such requests pass from then on; empty where none would be as narrow as this request.
    always: String,
    partial: Vec<String>,
    facts: Vec<(&'static str, String)>,
    actions: Vec<(String, Mark, Pairs)>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    answer: String,
    first: String,
}

/// Lists what waits, then what was answered.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "approvals", "Approvals").await?;
    let list = visitor.client.get(APPROVALS).await?;
    let now = visitor.app.shared.setup.clock.utc();
    let (pending, answered): (Vec<&Json>, Vec<&Json>) = list
        .list("approvals")
        .iter()
        .partition(|approval| approval.text("status") == "pending");
    let view = |approval: &&Json| Waiting::of(approval, &visitor);
    let (lasting, mut answered): (Vec<&Json>, Vec<&Json>) = answered
        .into_iter()
        .partition(|approval| lasts(&approval.text("until"), now));
    answered.sort_by_key(|approval| std::cmp::Reverse(approval.text("opened_at")));
    Ok(html(&ApprovalsPage {
        frame,
        pending: pending.iter().map(view).collect(),
        lasting: lasting.iter().map(view).collect(),
        answered: answered.iter().take(ANSWERED).map(view).collect(),
    }))
}

impl Waiting {
    fn of(approval: &Json, visitor: &Visitor) -> Self {
        let now = visitor.app.shared.setup.clock.utc();
        Self {
            id: approval.text("id"),
            agent: approval.text("agent"),
            connector: approval.text("connector"),
            request: request(approval),
            actions: approval.list("actions").iter().map(action).collect(),
            reason: approval.text("reason"),
            by: approval.words("by").join(", "),
            partial: approval.words("partial"),
            status: Mark::approval(&approval.text("status")),
            opened: When::of(&approval.text("opened_at"), now),
            expires: When::of(&approval.text("expires_at"), now),
            open_first: approval.is("open_first"),
            waiting: match approval.number("waiting") {
                0 => "No request waits any more; a retry passes once this is approved.".to_owned(),
                1 => "One request waits for this answer.".to_owned(),
                count => format!("{count} requests wait for this answer."),
            },
            until: When::of(&approval.text("until"), now),
        }
    }
}

/// Returns what would be sent, without headers and body.
fn request(approval: &Json) -> String {
    let text = |name: &str| approval.text(name);
    format!(
        "{} https://{}{}",
        text("method"),
        text("host"),
        text("target")
    )
}

/// Returns an action's name, risk and parameters.
fn action(action: &Json) -> (String, Mark, Pairs) {
    let params = action.get("params").and_then(Json::as_object);
    let params = params.into_iter().flatten();
    let params = params.map(|(name, value)| (name.clone(), parameter(value)));
    let risk = Mark::risk(&action.text("risk"));
    (action.text("name"), risk, params.collect())
}

/// Returns whether an approval for a time is not over.
fn lasts(until: &str, now: OffsetDateTime) -> bool {
    OffsetDateTime::parse(until, &Rfc3339).is_ok_and(|until| now < until)
}

/// Shows everything that would be sent, but for secrets.
pub(super) async fn page(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refused> {
    let path = format!("{APPROVALS}/{}", segment(&id));
    let approval = visitor.client.get(&path).await?;
    let frame = Frame::of(&visitor, "approvals", "Approval").await?;
    let now = visitor.app.shared.setup.clock.utc();
    let body = approval.get("body").map(|_| approval.text("body"));
    Ok(html(&ApprovalPage {
        frame,
        id: Id::of(&id),
        fingerprint: approval.text("fingerprint"),
        is_pending: approval.text("status") == "pending",
        is_lasting: approval
            .get("answer")
            .is_some_and(|answer| lasts(&answer.text("until"), now)),
        times: TIMES,
        status: Mark::approval(&approval.text("status")),
        agent: approval.text("agent"),
        request: request(&approval),
        opened: When::of(&approval.text("opened_at"), now),
        expires: When::of(&approval.text("expires_at"), now),
        reason: approval.text("reason"),
        by: approval
            .words("by")
            .into_iter()
            .map(|rule| (rule.clone(), !rule.starts_with("permission ")))
            .collect(),
        always: always(&approval),
        partial: approval.words("partial"),
        facts: facts(&approval),
        actions: approval.list("actions").iter().map(action).collect(),
        headers: headers(&approval),
        body,
        answer: answer(&approval),
        first: approval.text("request_id"),
        approval: id,
    }))
}

/// Returns the form for a permission of this agent, this action and these parameters. One that leaves a parameter out would let more
/// pass than was asked for; and what a policy asks for is not opened by a permission.
fn always(approval: &Json) -> String {
    let [action] = approval.list("actions") else {
        return String::new();
    };
    let params = action.get("params").and_then(Json::as_object);
    let mut params = params.into_iter().flatten();
    let is_plain = |value: &Json| value.is_string() || value.is_number() || value.is_boolean();
    let mut by = approval.words("by").into_iter();
    let is_narrow = params.all(|(_, value)| is_plain(value))
        && by.all(|rule| rule.starts_with("permission "))
        && !action.text("name").ends_with(".unknown");
    if !is_narrow {
        return String::new();
    }
    filled_in(("permission", "allow"), &approval.text("agent"), action)
}

fn facts(approval: &Json) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Connector", approval.text("connector")),
        ("Credential", approval.text("credential")),
        ("Requests that wait", approval.text("waiting")),
        ("Body", format!("{} bytes", approval.number("body_bytes"))),
        ("SHA-256 of the body", approval.text("body_sha256")),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn headers(approval: &Json) -> Vec<(String, String)> {
    let pairs = approval.list("headers").iter().filter_map(Json::as_array);
    let pairs = pairs.filter_map(|pair| match pair.as_slice() {
        [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
        _ => None,
    });
    pairs.collect()
}

fn answer(approval: &Json) -> String {
    let Some(answer) = approval.get("answer") else {
        return String::new();
    };
    let until = match answer.text("until") {
        until if until.is_empty() => String::new(),
        until if !answer.text("ended_by").is_empty() => {
            format!(
                ", for requests alike; ended by {} at {until}",
                answer.text("ended_by")
            )
        }
        until => format!(", for requests alike until {until}"),
    };
    format!(
        "{} by {} at {}{until}",
        answer.text("verdict"),
        answer.text("by"),
        answer.text("at")
    )
}

/// Lets the request go, once or with requests alike for a time.
pub(super) async fn approve(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let seconds = posted.fields.given("seconds");
    let seconds = seconds.map(|text| text.parse::<u64>().unwrap_or(0));
    let body = json!({ "opened": posted.fields.given("opened"), "seconds": seconds });
    let path = format!("{APPROVALS}/{}/approve", segment(&id));
    posted
        .visitor
        .client
        .send(Method::POST, &path, &body)
        .await?;
    Ok(Redirect::to("/approvals").into_response())
}

/// Refuses the request and its retries, or ends an approval for a time.
pub(super) async fn deny(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let path = format!("{APPROVALS}/{}/deny", segment(&id));
    posted
        .visitor
        .client
        .send(Method::POST, &path, &Json::Null)
        .await?;
    Ok(Redirect::to("/approvals").into_response())
}
