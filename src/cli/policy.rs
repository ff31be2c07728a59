//! Runs `policy`: checks policy files, runs their tests, compares what they let agents do, and lists the policies that a gateway judges by.

mod compare;

use serde_json::{Value as Json, json};

use super::Context;
use super::api::{Api, segment};
use super::args::{CheckFormat, PolicyCommand, PolicyDirectory};
use super::check::{self, Strictness, Tests};
use super::failure::{Exit, Outcome};
use super::offline::Access;
use super::table::Table;
use crate::admin::service::policies::PolicyView;
use crate::model::show::escape;
use crate::simulate::case;
use crate::snapshot::Snapshot;

pub(super) async fn run(context: &Context, command: PolicyCommand) -> Outcome {
    let (target, tests) = match &command {
        PolicyCommand::Check(target) => (target, Tests::None),
        PolicyCommand::Test { target, coverage } => {
            if *coverage {
                return tested(context, target).await;
            }
            (target, Tests::Policies)
        }
        PolicyCommand::Diff { old, new, markdown } => {
            return compare::diff(context, (old, new), *markdown).await;
        }
        PolicyCommand::Replay(args) => return compare::replay(context, args).await,
        PolicyCommand::List { hits } => return list(context, hits.as_deref()).await,
        PolicyCommand::Show { id } => return show(context, id).await,
    };
    let format = if context.output.is_json() {
        CheckFormat::Json
    } else {
        CheckFormat::Text
    };
    let PolicyDirectory { dir } = target;
    let found = check::examine_gathered(context, dir.as_deref(), &tests).await?;
    check::finish(context, &found, format, Strictness::Errors)
}

/// Runs the tests, and shows which permissions and policies they are decided by.
async fn tested(context: &Context, target: &PolicyDirectory) -> Outcome {
    let dir = target.dir.as_deref();
    let (found, inputs) = check::examine_with_inputs(context, dir, &Tests::Policies).await?;
    let (snapshot, _) = Snapshot::compile(&inputs);
    let now = context.process.clock.now();
    let rules = snapshot.map(|snapshot| case::tested(&snapshot, now));
    let rules = rules.unwrap_or_default();
    let untested = rules.iter().filter(|rule| rule.tests == 0).count();
    if context.output.is_json() {
        let mut document = found.report.to_json();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("coverage".to_owned(), json!(rules));
        }
        context.output.document(&document)?;
        let failed = found.report.has_errors();
        return Ok(if failed { Exit::Problems } else { Exit::Done });
    }
    let mut table = Table::new(["TESTS", "KIND", "ID", "WHERE"]);
    for rule in &rules {
        table.row([&rule.tests.to_string(), rule.kind, &rule.id, &rule.place]);
    }
    table.print(&context.output)?;
    let all = rules.len();
    context
        .output
        .line(&format!("{untested} of {all} decide in no test"))?;
    check::finish(context, &found, CheckFormat::Text, Strictness::Errors)
}

async fn list(context: &Context, hits: Option<&str>) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let query = hits.map(|since| format!("?hits_since={}", segment(since)));
    let path = format!("/api/v1/policies{}", query.unwrap_or_default());
    let policies: Vec<PolicyView> = api.list(&path, "policies").await?;
    if context.output.is_json() {
        context.output.document(&json!({ "policies": policies }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        "ID", "FROM", "DECISION", "HITS", "ACTIONS", "AGENTS", "WHEN",
    ]);
    for policy in &policies {
        let text = |key: &str| match policy.rule.get(key) {
            Some(Json::Array(items)) => {
                let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
                items.join(", ")
            }
            Some(Json::String(text)) => text.clone(),
            Some(_) | None => String::new(),
        };
        table.row([
            &policy.id,
            &policy.from,
            &text("decision"),
            &policy.hits.map(|hits| hits.to_string()).unwrap_or_default(),
            &text("actions"),
            &if policy.rule.contains_key("agents") {
                text("agents")
            } else {
                "*".to_owned()
            },
            &text("when"),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn show(context: &Context, id: &str) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let path = format!("/api/v1/policies/{}", segment(id));
    let policy: PolicyView = api.get(path).await?;
    if context.output.is_json() {
        context.output.document(&policy)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![
        format!("id: {}", policy.id),
        format!("from: {}", policy.from),
    ];
    lines.extend(policy.rule.iter().map(|(key, value)| match value {
        Json::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    }));
    for line in lines {
        context.output.line(&escape(&line))?;
    }
    Ok(Exit::Done)
}
