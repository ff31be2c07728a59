//! Shows how the journal is: its sinks, their lag, what exports it, and whether it is as it was written.

use askama::Template;
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::document::Document as _;
use super::frame::Frame;
use super::refused::Refused;
use super::show::html;
use super::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "journal.html")]
struct JournalPage {
    frame: Frame,
    newest: u64,
    sinks: Vec<(String, u64, u64)>,
    verified: Option<Verdict>,
    key: String,
    since: String,
}

/// What a verification found.
struct Verdict {
    is_good: bool,
    claim: String,
    lines: u64,
    finding: String,
}

/// Shows where the journal stands, and its sinks.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Refused> {
    show(&visitor, (None, Vec::new()), ("", "")).await
}

/// Verifies the journal, line by line, and shows what was found.
pub(super) async fn verify(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let body = json!({ "key": fields.given("key"), "since": fields.given("since") });
    let wanted = (fields.text("key"), fields.text("since"));
    match visitor
        .client
        .send(Method::POST, "/api/v1/journal/verify", &body)
        .await
    {
        Ok(verified) => {
            let finding = verified.get("finding").filter(|finding| !finding.is_null());
            let verdict = Verdict {
                is_good: finding.is_none(),
                claim: verified.text("claim"),
                lines: verified.number("lines"),
                finding: finding
                    .map(|finding| {
                        let place = format!("{}:{}", finding.text("file"), finding.text("line"));
                        format!("{place}: {}", finding.text("problem"))
                    })
                    .unwrap_or_default(),
            };
            show(&visitor, (Some(verdict), Vec::new()), wanted).await
        }
        Err(refused) => show(&visitor, (None, refused.lines()), wanted).await,
    }
}

async fn show(
    visitor: &Visitor,
    (verified, problems): (Option<Verdict>, Vec<String>),
    (key, since): (&str, &str),
) -> Result<Response, Refused> {
    let mut frame = Frame::of(visitor, "journal", "Journal").await?;
    frame.problems = problems;
    let newest = visitor.client.get("/api/v1/records?limit=1").await?;
    let sink = |sink: &Json| {
        (
            sink.text("name"),
            sink.number("lag_records"),
            sink.number("missed_records"),
        )
    };
    Ok(html(&JournalPage {
        newest: newest
            .list("records")
            .first()
            .map_or(0, |record| record.number("seq")),
        sinks: frame.status.list("sinks").iter().map(sink).collect(),
        verified,
        key: key.to_owned(),
        since: since.to_owned(),
        frame,
    }))
}
