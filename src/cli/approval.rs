//! Runs `approval`: lists and shows requests that wait for approval, and sends operators' answers to the running gateway.

mod shown;

use http::Method;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Context;
use super::args::ApprovalCommand;
use super::control::Control;
use super::failure::{Exit, Failure, Outcome};
use super::table::Table;
use crate::model::show::{escape, parameter};
use shown::{actions, active_until, print, state};

const PATH: &str = "/api/v1/approvals";

/// Heads of the list.
const COLUMNS: [&str; 10] = [
    "ID",
    "STATUS",
    "AGENT",
    "ACTION",
    "SINCE",
    "WAITING",
    "OPEN FIRST",
    "PASSES UNTIL",
    "REASON",
    "REQUEST",
];

/// Longest time of `--for`, in seconds; the gateway has the same bound.
const LONGEST: u64 = 24 * 3600;

pub(super) async fn run(context: &Context, command: ApprovalCommand) -> Outcome {
    match command {
        ApprovalCommand::List { all } => list(context, all).await,
        ApprovalCommand::Show { id } => show(context, &id).await,
        ApprovalCommand::Approve { id, opened, time } => {
            let seconds = super::agent::term(time.as_deref())?;
            if seconds.is_some_and(|seconds| seconds > LONGEST) {
                return Err(Failure::usage("`--for` is at most 24h"));
            }
            let body = json!({ "opened": opened, "seconds": seconds });
            resolve(context, &id, ("approve", Some(body))).await
        }
        ApprovalCommand::Deny { id } => resolve(context, &id, ("deny", None)).await,
    }
}

async fn list(context: &Context, all: bool) -> Outcome {
    let gateway = Control::client(context)?;
    let mut document = gateway.get(PATH).await?;
    let approvals = document.get_mut("approvals").and_then(Json::as_array_mut);
    if let Some(approvals) = approvals.filter(|_| !all) {
        approvals.retain(|approval| {
            let is_pending = approval
                .get("status")
                .is_some_and(|status| status == "pending");
            is_pending || active_until(context, approval).is_some()
        });
    }
    if context.output.is_json() {
        context.output.document(&document)?;
        return Ok(Exit::Done);
    }
    let approvals = document
        .get("approvals")
        .and_then(Json::as_array)
        .map_or(&[][..], Vec::as_slice);
    if approvals.is_empty() {
        context.output.line("nothing waits for an answer")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(COLUMNS);
    for approval in approvals {
        let text = |key: &str| approval.get(key).and_then(Json::as_str).unwrap_or_default();
        let waiting = match approval.get("waiting").and_then(Json::as_u64) {
            Some(0) if text("status") == "pending" => "none; a retry passes".to_owned(),
            waiting => waiting.unwrap_or(0).to_string(),
        };
        table.row([
            text("id"),
            &state(context, approval),
            text("agent"),
            &actions(approval),
            &age(context, text("opened_at")),
            &waiting,
            match approval.get("open_first") {
                Some(Json::Bool(true)) => "yes",
                Some(_) | None => "no",
            },
            active_until(context, approval).unwrap_or_default(),
            text("reason"),
            &request(approval),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// Returns method, host and target, then every parameter.
fn request(approval: &Json) -> String {
    let text = |key: &str| approval.get(key).and_then(Json::as_str).unwrap_or_default();
    let mut shown = format!("{} {}{}", text("method"), text("host"), text("target"));
    let actions = approval.get("actions").and_then(Json::as_array);
    let params = |action: &Json| action.get("params").and_then(Json::as_object).cloned();
    for (name, value) in actions.into_iter().flatten().filter_map(params).flatten() {
        let value = match &value {
            Json::Object(_) => parameter(&value),
            _ => value.to_string(),
        };
        shown.push_str(&format!(" {name}={value}"));
    }
    shown
}

/// Returns how long ago a question was asked, as in `3m 20s`.
fn age(context: &Context, stamp: &str) -> String {
    let Ok(asked) = OffsetDateTime::parse(stamp, &Rfc3339) else {
        return stamp.to_owned();
    };
    let seconds = (context.process.clock.utc() - asked).whole_seconds().max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m {seconds}s"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}

async fn show(context: &Context, id: &str) -> Outcome {
    let gateway = Control::client(context)?;
    let approval = gateway.get(&path(id)).await?;
    if context.output.is_json() {
        context.output.document(&approval)?;
    } else {
        print(context, &approval)?;
    }
    Ok(Exit::Done)
}

async fn resolve(context: &Context, id: &str, (verb, body): (&str, Option<Json>)) -> Outcome {
    let gateway = Control::client(context)?;
    let path = format!("{}/{verb}", path(id));
    let approval = gateway.send(Method::POST, &path, body.as_ref()).await?;
    if context.output.is_json() {
        context.output.document(&approval)?;
        return Ok(Exit::Done);
    }
    let waiting = approval.get("waiting").and_then(Json::as_u64).unwrap_or(0);
    let what = escape(&actions(&approval)).into_owned();
    let answer = |key: &str| approval.get("answer")?.get(key)?.as_str();
    let for_a_time = answer("until");
    let told = match (verb, waiting) {
        ("approve", _) if for_a_time.is_some() => format!(
            "approved: {what}; requests alike pass until {}, or until `tollgate approval deny {}`",
            escape(for_a_time.unwrap_or_default()),
            escape(id)
        ),
        ("approve", 0) => format!(
            "approved: {what}; the same request passes once, if it comes before {} and nothing denies it then",
            until(&approval)
        ),
        ("approve", _) => format!("approved: {what}"),
        _ if answer("verdict") == Some("approve") => {
            format!("ended: {what}; requests alike ask again")
        }
        _ => format!(
            "denied: {what}; the same request is refused without asking until {}",
            until(&approval)
        ),
    };
    context.output.line(&told)?;
    Ok(Exit::Done)
}

fn path(id: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    format!("{PATH}/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

fn until(approval: &Json) -> String {
    let text = approval.get("expires_at").and_then(Json::as_str);
    escape(text.unwrap_or("it is forgotten")).into_owned()
}
