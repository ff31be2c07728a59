//! Lists policies with what they decided in the last seven days, those that never spoke too.

use askama::Template;
use axum::extract::Path;
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::Value as Json;

use super::client::{Call, if_match, segment};
use super::document::Document as _;
use super::draft::yaml;
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
    is_enabled: bool,
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
            is_enabled: policy.get("enabled").is_none_or(|_| policy.is("enabled")),
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

/// Previews what a policy of the store does once it is enabled or disabled, or makes it so once that was previewed.
pub(super) async fn switch(Path(id): Path<String>, posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = &posted;
    let path = format!("/api/v1/policies/{}", segment(&id));
    let kept = visitor.client.get_as_written(&path).await?;
    let enables = fields.text("enabled") == "yes";
    let mut rule = kept.as_object().cloned().unwrap_or_default();
    rule.retain(|name, _| !["id", "from", "hits"].contains(&name.as_str()));
    if enables {
        rule.remove("enabled");
    } else {
        rule.insert("enabled".to_owned(), false.into());
    }
    let body = Json::Object(rule);
    let Some(revision) = fields.given("revision") else {
        let preview = format!("{path}?dry_run=true");
        let preview = visitor.client.send(Method::PUT, &preview, &body).await?;
        let frame = Frame::of(visitor, "policies", "Policies").await?;
        let verb = if enables { "Enable" } else { "Disable" };
        let question = format!("{verb} policy {}?", preview.text("id"));
        let enabled = if enables { "yes" } else { "no" };
        let hidden = vec![
            ("revision", preview.text("revision")),
            ("enabled", enabled.to_owned()),
        ];
        let action = format!("/policies/{}/switch", segment(&id));
        return Ok(confirm(
            frame,
            (question, action),
            hidden,
            (&preview, "/policies"),
        ));
    };
    let call = Call {
        method: Method::PUT,
        path: &path,
        body: &body,
        headers: vec![if_match(revision)],
    };
    visitor.client.call(call).await?;
    Ok(Redirect::to("/policies").into_response())
}

/// Writes the rules of the store as a policy file.
pub(super) async fn export(visitor: Visitor) -> Result<Response, Refused> {
    let mut text = String::new();
    for (list, path) in [
        ("permissions", "/api/v1/permissions"),
        ("policies", "/api/v1/policies"),
    ] {
        let rules = visitor.client.get_as_written(path).await?;
        let rules = rules.list(list).iter();
        let stored = rules.filter(|rule| rule.text("from") == "store");
        let rules: Vec<_> = stored
            .filter_map(Json::as_object)
            .map(|rule| {
                let mut rule = rule.clone();
                rule.retain(|name, _| {
                    !["from", "hits", "label"].contains(&name.as_str())
                        && (name != "id" || list == "policies")
                });
                rule
            })
            .collect();
        text.push_str(&yaml::write_all(list, &rules));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/yaml; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"policies.yaml\"",
        ),
    ];
    Ok((headers, text).into_response())
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
