//! Decides recorded requests again under candidate rules, beside the files and the rules of the store. Nothing is changed.

use std::time::SystemTime;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::Service;
use super::rules::with_policy;
use crate::admin::problem::Problem;
use crate::config::diagnostic::Report;
use crate::journal::{Kind, Query, Reader};
use crate::model::vocabulary::Unknown;
use crate::simulate::replay::{Replay, Replayed};
use crate::snapshot::{Inputs, Snapshot};
use crate::store::{StoreView, StoredPermission, StoredPolicy};

use super::manifest;

/// What is replayed, and under which rules.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayCandidates {
    /// RFC 3339, or an age such as 2h or 7d, which is the default.
    #[serde(default)]
    pub since: Option<String>,
    /// Policies with the keys of a policy file; one of the store with the same `id` is replaced.
    #[serde(default)]
    pub policies: Vec<Map<String, Json>>,
    /// Permissions with the keys of a policy file; one of the store for the same agents and connector is replaced.
    #[serde(default)]
    pub permissions: Vec<Map<String, Json>>,
    /// Ids of policies of the store that are left out.
    #[serde(default)]
    pub without_policies: Vec<String>,
    /// Numbers of permissions of the store that are left out.
    #[serde(default)]
    pub without_permissions: Vec<i64>,
}

impl Service {
    /// Decides the records since a time again, as files, store and candidates together would, and compares with what files and
    /// store decide today.
    ///
    /// # Errors
    /// `candidates_refused` with every problem; `files_broken`; when the journal cannot be read.
    pub async fn replay(
        &self,
        candidates: ReplayCandidates,
        since: OffsetDateTime,
    ) -> Result<Replayed, Problem> {
        let today = self.view().await?;
        let view = with_candidates(today.clone(), &candidates);
        let broken = |report: Report| {
            let detail = "the files have errors, so nothing can be decided by them";
            Problem::conflict("files_broken", detail).because(&report)
        };
        let inputs = Inputs {
            unknown: Unknown::Tolerated,
            ..self.host().inputs(&view).map_err(broken)?
        };
        let today = Inputs {
            unknown: Unknown::Tolerated,
            ..self.host().inputs(&today).map_err(broken)?
        };
        let directory = self.host().journal();
        let replayed = self.scan(move || {
            let (snapshot, report) = Snapshot::compile(&inputs);
            let Some(snapshot) = snapshot else {
                return Ok(Err(report));
            };
            let (baseline, report) = Snapshot::compile(&today);
            let Some(baseline) = baseline else {
                return Ok(Err(report));
            };
            let baseline = Replay::new(&baseline, &today.agents);
            let mut replay = Replay::new(&snapshot, &inputs.agents).against(baseline);
            let query = Query {
                kinds: vec![Kind::Decided],
                since: Some(since),
                ..Query::default()
            };
            for line in Reader::open(&directory, query)? {
                let line = line?;
                let (Some(front), Some(decided)) = (line.front(), line.decided()) else {
                    continue;
                };
                let time = OffsetDateTime::parse(front.time, &Rfc3339);
                let time = time.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
                replay.add((front.time, time), &decided);
            }
            Ok(Ok(replay.finish()))
        });
        replayed.await?.map_err(|report| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let detail = "the candidates cannot be used";
            Problem::new(status, "candidates_refused", detail).because(&report)
        })
    }
}

/// Returns the store as it would be with the candidates.
fn with_candidates(view: StoreView, candidates: &ReplayCandidates) -> StoreView {
    let mut view = view;
    let dropped = |id: &String| candidates.without_policies.contains(id);
    view.policies.retain(|stored| !dropped(&stored.id));
    let dropped = |id: &i64| candidates.without_permissions.contains(id);
    view.permissions.retain(|stored| !dropped(&stored.id));
    for rule in &candidates.policies {
        let id = rule.get("id").and_then(Json::as_str).unwrap_or_default();
        let policy = StoredPolicy {
            id: id.to_owned(),
            manifest: Json::Object(rule.clone()).to_string(),
        };
        (view, _) = with_policy(&view, &policy);
        view.policies.push(policy);
    }
    for rule in &candidates.permissions {
        let rule = Json::Object(rule.clone());
        let key = manifest::key(&rule);
        view.permissions.retain(|stored| stored.key != key);
        view.permissions.push(StoredPermission {
            id: 0,
            key,
            manifest: rule.to_string(),
        });
    }
    view
}
