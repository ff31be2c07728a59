//! Runs `approval`: lists and shows requests that wait for approval, and sends operators' answers to the running gateway.

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

const PATH: &str = "/api/v1/approvals";

pub(super) async fn run(context: &Context, command: ApprovalCommand) -> Outcome {
    match command {
        ApprovalCommand::List { all } => list(context, all).await,
        ApprovalCommand::Show { id } => show(context, &id).await,
        ApprovalCommand::Approve { id, opened, time } => {
            let seconds = super::agent::term(time.as_deref())?;
            let body = json!({ "opened": opened, "seconds": seconds });
            resolve(context, &id, ("approve", Some(body))).await
        }
        ApprovalCommand::Deny { id } => resolve(context, &id, ("deny", None)).await,
    }
}

async fn list(context: &Context, all: bool) -> Outcome {
    let gateway = Control::client(context)?;
    let path = if all {
        PATH.to_owned()
    } else {
        format!("{PATH}?status=pending")
    };
    let document = gateway.get(&path).await?;
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
    let mut table = Table::new([
        "ID",
        "STATUS",
        "AGENT",
        "ACTION",
        "SINCE",
        "WAITING",
        "OPEN FIRST",
        "REASON",
        "REQUEST",
    ]);
    for approval in approvals {
        let text = |key: &str| approval.get(key).and_then(Json::as_str).unwrap_or_default();
        let waiting = match approval.get("waiting").and_then(Json::as_u64) {
            Some(0) if text("status") == "pending" => "none; a retry passes".to_owned(),
            waiting => waiting.unwrap_or(0).to_string(),
        };
        table.row([
            text("id"),
            text("status"),
            text("agent"),
            &actions(approval),
            &age(context, text("opened_at")),
            &waiting,
            match approval.get("open_first") {
                Some(Json::Bool(true)) => "yes",
                Some(_) | None => "no",
            },
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
    let for_a_time = approval.pointer("/answer/until").and_then(Json::as_str);
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
        _ => format!(
            "denied: {what}; the same request is refused without asking until {}",
            until(&approval)
        ),
    };
    context.output.line(&told)?;
    Ok(Exit::Done)
}

fn print(context: &Context, approval: &Json) -> Result<(), Failure> {
    let shown = |value: &Json| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        escape(&text).into_owned()
    };
    let field = |key: &str| {
        approval
            .get(key)
            .map(&shown)
            .unwrap_or_else(|| "-".to_owned())
    };
    let mut lines = vec![
        format!("approval {} is {}", field("id"), field("status")),
        format!("  agent        {}", field("agent")),
        format!(
            "  request      {} {}{}",
            field("method"),
            field("host"),
            field("target")
        ),
        format!("  credential   {}", field("credential")),
        format!(
            "  body         {} bytes, SHA-256 {}",
            field("body_bytes"),
            field("body_sha256")
        ),
        format!("  asked by     {}", list_of(approval, "by")),
        format!("  reason       {}", field("reason")),
        format!(
            "  asked at     {}, answerable until {}",
            field("opened_at"),
            field("expires_at")
        ),
        format!("  waiting      {}", field("waiting")),
    ];
    if let Some(answer) = approval.get("answer") {
        let part = |key: &str| answer.get(key).map(&shown).unwrap_or_default();
        lines.push(format!(
            "  answer       {} by {} at {}",
            part("verdict"),
            part("by"),
            part("at")
        ));
    }
    let actions = approval.get("actions").and_then(Json::as_array);
    for action in actions.into_iter().flatten() {
        let part = |key: &str| action.get(key).map(&shown).unwrap_or_default();
        lines.push(format!(
            "  action       {} ({})",
            part("name"),
            part("risk")
        ));
        let params = action.get("params").and_then(Json::as_object);
        for (name, value) in params.into_iter().flatten() {
            lines.push(format!("    {} = {}", escape(name), shown(value)));
        }
    }
    lines.extend(sent(approval));
    context.output.line(&lines.join("\n"))
}

/// Headers and body as they would be sent, and what to do where a list does not show them.
fn sent(approval: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let headers = approval.get("headers").and_then(Json::as_array);
    for header in headers.into_iter().flatten() {
        let part = |at: usize| header.get(at).and_then(Json::as_str).unwrap_or_default();
        lines.push(format!(
            "  header       {}: {}",
            escape(part(0)),
            escape(part(1))
        ));
    }
    if let Some(body) = approval.get("body").and_then(Json::as_str) {
        lines.push("  sends".to_owned());
        lines.extend(body.split('\n').map(|line| format!("    {}", escape(line))));
    }
    let partial = approval.get("partial").and_then(Json::as_array);
    if partial.is_some_and(|partial| !partial.is_empty()) {
        lines.push(format!("  partial      {}", list_of(approval, "partial")));
        let text = |key: &str| approval.get(key).and_then(Json::as_str).unwrap_or_default();
        if text("status") == "pending" {
            lines.push(format!(
                "  to approve   tollgate approval approve {} --opened {}",
                escape(text("id")),
                escape(text("fingerprint"))
            ));
        }
    }
    lines
}

/// The names of all actions.
fn actions(approval: &Json) -> String {
    let actions = approval.get("actions").and_then(Json::as_array);
    let names: Vec<&str> = actions
        .into_iter()
        .flatten()
        .filter_map(|action| action.get("name").and_then(Json::as_str))
        .collect();
    names.join(" + ")
}

fn list_of(approval: &Json, key: &str) -> String {
    let items = approval.get(key).and_then(Json::as_array);
    let texts: Vec<&str> = items
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    escape(&texts.join(", ")).into_owned()
}

fn until(approval: &Json) -> String {
    let text = approval.get("expires_at").and_then(Json::as_str);
    escape(text.unwrap_or("it is forgotten")).into_owned()
}

fn path(id: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    format!("{PATH}/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}
