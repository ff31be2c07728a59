//! Builds policies and permissions without code: shows the CEL and YAML that a form makes, and the effect before it is saved.

mod fields;
mod preview;

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Map, Value as Json, json};

use super::catalogue::{CatalogueAction, known_actions};
use super::client::{Call, if_match, segment};
use super::condition::OPERATORS;
use super::document::{Document as _, visible};
use super::draft::RuleDraft;
use super::fields::Fields;
use super::frame::Frame;
use super::refused::Refused;
use super::replay::ReplayPanel;
use super::show::{Mark, html};
use super::visitor::{Posted, Visitor};

use fields::{Known, kind_of, known_fields};
use preview::Preview;

/// Stands for an id that nobody has written yet, in previews.
const UNNAMED: &str = "unnamed-policy";

#[derive(Template)]
#[template(path = "builder.html")]
struct BuilderPage {
    frame: Frame,
    draft: RuleDraft,
    agents: String,
    actions: String,
    others: String,
    operators: [(&'static str, &'static str); 15],
    /// Names of agents, for completion.
    known_agents: Vec<String>,
    /// The chosen actions with what the catalogue says of them.
    chosen: Vec<(String, Mark, String)>,
    /// Fields that conditions can name.
    known_fields: Vec<Known>,
    preview: Preview,
    /// Where the policy is kept, if that is not the store.
    file: String,
}

/// Shows an empty form, or one that a link fills in.
pub(super) async fn blank(visitor: Visitor, fields: Fields) -> Result<Response, Refused> {
    let draft = RuleDraft::of_link(&fields);
    let preview = if draft.actions.is_empty() {
        Preview::default()
    } else {
        Preview::of(&visitor, &draft).await?
    };
    show(&visitor, draft, (preview, Vec::new(), String::new())).await
}

/// Shows a policy as it is kept.
pub(super) async fn open(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refused> {
    let path = format!("/api/v1/policies/{}", segment(&id));
    let policy = visitor.client.get_as_written(&path).await?;
    let draft = RuleDraft::of_policy(&policy);
    let file = Some(policy.text("from"))
        .filter(|from| from != "store")
        .unwrap_or_default();
    let preview = if file.is_empty() {
        Preview::of(&visitor, &draft).await?
    } else {
        Preview::as_written(&visitor, &draft).await?
    };
    show(&visitor, draft, (preview, Vec::new(), file)).await
}

/// Shows what the form makes: only that for the page's script, else the whole page.
pub(super) async fn preview(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let draft = RuleDraft::of_form(&fields);
    let mut preview = Preview::of(&visitor, &draft).await?;
    if fields.given("replay").is_some() && preview.can_save {
        preview.replay = Some(ReplayPanel::of(&visitor, &week(&draft, &preview.rule)).await?);
    }
    if fields.given("part").is_some() {
        return Ok(html(&preview));
    }
    show(&visitor, draft, (preview, Vec::new(), String::new())).await
}

/// Saves to the store, if the effect that was shown still holds.
pub(super) async fn save(posted: Posted) -> Result<Response, Refused> {
    let Posted { visitor, fields } = posted;
    let draft = RuleDraft::of_form(&fields);
    let Some(revision) = fields.given("revision") else {
        let preview = Preview::of(&visitor, &draft).await?;
        let problem = vec!["Look at the effect first, then save.".to_owned()];
        return show(&visitor, draft, (preview, problem, String::new())).await;
    };
    let actions = known_actions(&visitor).await?;
    let kinds = |name: &str| kind_of(&actions, &draft.actions, name);
    let rule = draft.rule(&kinds);
    let refused = match rule {
        Ok(_) if draft.id.is_empty() && !draft.is_permission => {
            vec!["A policy needs an id.".to_owned()]
        }
        Ok(rule) => match write(&visitor, &draft, (rule, revision)).await {
            Ok(_) if draft.is_permission => return Ok(Redirect::to("/permissions").into_response()),
            Ok(_) => return Ok(Redirect::to("/policies").into_response()),
            Err(refused) if is_taken(&refused) => refused.lines(),
            Err(refused) if refused.status() == StatusCode::PRECONDITION_FAILED => {
                vec!["Rules or files changed since you looked. Below is the effect now; save again if it is what you want.".to_owned()]
            }
            Err(refused) if refused.status() == StatusCode::FORBIDDEN => return Err(refused),
            Err(refused) => refused.lines(),
        },
        Err(problem) => vec![problem],
    };
    let preview = Preview::of(&visitor, &draft).await?;
    let mut response = show(&visitor, draft, (preview, refused, String::new())).await?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

async fn write(
    visitor: &Visitor,
    draft: &RuleDraft,
    (rule, revision): (Map<String, Json>, &str),
) -> Result<Json, Refused> {
    let (method, path) = address(draft, "");
    let mut headers = preconditions(draft);
    headers.push(if_match(revision));
    let call = Call {
        method,
        path: &path,
        body: &Json::Object(rule),
        headers,
    };
    visitor.client.call(call).await
}

/// Returns what is replayed: the last seven days under the rule.
fn week(draft: &RuleDraft, rule: &Map<String, Json>) -> Json {
    let mut rule = rule.clone();
    if draft.is_permission {
        return json!({ "since": "7d", "permissions": [rule] });
    }
    rule.insert("id".to_owned(), known_id(draft).into());
    json!({ "since": "7d", "policies": [rule] })
}

/// Returns the id of a policy, or one that stands for it.
fn known_id(draft: &RuleDraft) -> &str {
    if draft.id.is_empty() {
        UNNAMED
    } else {
        &draft.id
    }
}

/// Only a rule that was opened is replaced: a form that begins a new one, or gives it another id, adds one.
fn preconditions(draft: &RuleDraft) -> Vec<(HeaderName, String)> {
    if draft.is_kept() {
        return Vec::new();
    }
    vec![(header::IF_NONE_MATCH, "*".to_owned())]
}

/// Returns whether a rule of this name is kept already.
fn is_taken(refused: &Refused) -> bool {
    refused.document().text("code") == "exists"
}

/// Returns how the API takes the rule.
fn address(draft: &RuleDraft, query: &str) -> (Method, String) {
    if draft.is_permission {
        return (Method::POST, format!("/api/v1/permissions{query}"));
    }
    let id = segment(known_id(draft));
    (Method::PUT, format!("/api/v1/policies/{id}{query}"))
}

async fn show(
    visitor: &Visitor,
    draft: RuleDraft,
    (preview, problems, file): (Preview, Vec<String>, String),
) -> Result<Response, Refused> {
    let title = match (draft.is_permission, draft.id.as_str()) {
        (true, _) => "New permission".to_owned(),
        (false, "") => "New policy".to_owned(),
        (false, id) => format!("Policy {id}"),
    };
    let here = if draft.is_permission {
        "permissions"
    } else {
        "policies"
    };
    let mut frame = Frame::of(
        visitor,
        here,
        visible(Json::String(title)).as_str().unwrap_or_default(),
    )
    .await?;
    frame.problems = problems;
    let agents = visitor.client.get("/api/v1/agents").await?;
    let actions = known_actions(visitor).await?;
    let others = match draft.others.len() {
        0 => String::new(),
        _ => Json::Object(draft.others.clone()).to_string(),
    };
    Ok(html(&BuilderPage {
        agents: draft.agents.join(", "),
        actions: draft.actions.join(", "),
        others,
        operators: OPERATORS,
        known_agents: agents
            .list("agents")
            .iter()
            .map(|agent| agent.text("name"))
            .collect(),
        chosen: chosen(&actions, &draft.actions),
        known_fields: known_fields(&actions, &draft.actions),
        draft: draft.with_spare_rows(),
        preview,
        file,
        frame,
    }))
}

fn chosen(actions: &Arc<Vec<CatalogueAction>>, names: &[String]) -> Vec<(String, Mark, String)> {
    let found = actions.iter().filter(|action| names.contains(&action.name));
    found
        .map(|action| {
            (
                action.name.clone(),
                Mark::risk(&action.risk),
                action.summary.clone(),
            )
        })
        .collect()
}
