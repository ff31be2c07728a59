//! Lists policies with what they decided in the last seven days, those that never spoke too.

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::Value as Json;

use super::client::{Call, if_match, segment};
use super::document::Document as _;
use super::effect::confirm;
use super::frame::Frame;
use super::overview::summary;
use super::refused::Refused;
use super::show::{Mark, html};
use super::visitor::{Posted, Visitor};

#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage {
    frame: Frame,
    policies: Vec<PolicyRow>,
    is_complete: bool,
    records: u64,
}

/// A policy in the list.
struct PolicyRow {
    id: String,
    from: String,
    is_stored: bool,
    decision: Mark,
    agents: String,
    actions: String,
    when: String,
    reason: String,
    outcome: [u64; 3],
}

/// Lists the policies of files and store.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Refused> {
    let frame = Frame::of(&visitor, "policies", "Policies").await?;
    let list = visitor.client.get("/api/v1/policies").await?;
    let summary = summary(&visitor, "7d").await?;
    let rules = summary.get("rules").cloned().unwrap_or_default();
    Ok(html(&PoliciesPage {
        frame,
        policies: list
            .list("policies")
            .iter()
            .map(|policy| PolicyRow::of(policy, &rules))
            .collect(),
        is_complete: summary.is("complete"),
        records: summary.number("requests"),
    }))
}

impl PolicyRow {
    fn of(policy: &Json, rules: &Json) -> Self {
        let agents = policy.words("agents");
        let id = policy.text("id");
        let outcome = rules.get(&id).cloned().unwrap_or_default();
        Self {
            from: policy.text("from"),
            is_stored: policy.text("from") == "store",
            decision: Mark::decision(&policy.text("decision")),
            agents: if agents.is_empty() {
                "all".to_owned()
            } else {
                agents.join(", ")
            },
            actions: policy.words("actions").join(", "),
            when: policy.text("when"),
            reason: policy.text("reason"),
            outcome: ["allow", "require_approval", "deny"].map(|decision| outcome.number(decision)),
            id,
        }
    }

    fn is_silent(&self) -> bool {
        self.outcome == [0; 3]
    }
}

/// Previews the removal of a policy of the store, or makes it once it was previewed.
pub(super) async fn remove(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let visitor = &posted.visitor;
    let path = format!("/api/v1/policies/{}", segment(&id));
    let preview = format!("{path}?dry_run=true");
    let Some(revision) = posted.fields.given("revision") else {
        let preview = visitor
            .client
            .send(Method::DELETE, &preview, &Json::Null)
            .await?;
        let frame = Frame::of(visitor, "policies", "Policies").await?;
        let question = format!("Remove policy {}?", preview.text("name"));
        let hidden = vec![("revision", preview.text("revision"))];
        let action = format!("/policies/{}/remove", segment(&id));
        return Ok(confirm(
            frame,
            (question, action),
            hidden,
            (&preview, "/policies"),
        ));
    };
    let call = Call {
        method: Method::DELETE,
        path: &path,
        body: &Json::Null,
        headers: vec![if_match(revision)],
    };
    visitor.client.call(call).await?;
    Ok(Redirect::to("/policies").into_response())
}
