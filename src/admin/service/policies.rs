//! Manages policies: lists those of files and store with how often each spoke, and changes those of the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::permissions::object;
use super::rules::{EffectView, Mode, RemovedRule, absent, allow, with_policy};
use super::{Noted, Service, manifest};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::journal::{Kind, Query, Reader};
use crate::store::StoredPolicy;

/// A policy with the keys of a policy file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Unique among files and store.
    pub id: String,
    /// `store`, or the name of the file.
    pub from: String,
    /// Recorded requests that it spoke for; null where they were not asked for.
    pub hits: Option<u64>,
    /// `agents`, `actions`, `when`, `decision`, `reason`, `suggest`.
    #[serde(flatten)]
    pub rule: Map<String, Json>,
}

/// A policy that was set, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetPolicy {
    /// Id of the policy.
    pub id: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// What agents may do from now on.
    pub effect: EffectView,
    /// The state that the effect is of; `If-Match` of the write.
    pub revision: String,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A part of the policies.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyList {
    /// In the order of the list.
    pub policies: Vec<PolicyView>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Service {
    /// Lists the policies of the files, then those of the store; with how many records since a time name each.
    ///
    /// # Errors
    /// When files, store or journal cannot be read.
    pub async fn policies(
        &self,
        hits_since: Option<OffsetDateTime>,
    ) -> Result<Vec<PolicyView>, Problem> {
        let hits = match hits_since {
            Some(since) => Some(self.hits(since).await?),
            None => None,
        };
        let view = |from: &str, rule: Json| {
            let mut rule = object(rule);
            let id = rule.remove("id");
            let id = id.as_ref().and_then(Json::as_str).unwrap_or_default();
            PolicyView {
                id: id.to_owned(),
                from: from.to_owned(),
                hits: hits.as_ref().map(|hits| hits.get(id).copied().unwrap_or(0)),
                rule,
            }
        };
        let mut policies = Vec::new();
        for source in self.policy_files()? {
            let found = manifest::policies_in_file(&source).into_iter();
            policies.extend(found.map(|rule| view(&source.name, rule)));
        }
        for stored in self.store.policies().await? {
            let rule = serde_json::from_str(&stored.manifest).unwrap_or_default();
            let rule = view("store", rule);
            policies.push(PolicyView {
                id: stored.id,
                ..rule
            });
        }
        Ok(policies)
    }

    /// Sets a policy of the store; with `is_new`, only where the store has none of this id.
    ///
    /// # Errors
    /// `policy_refused` with every problem, `files_broken`, `exists` or `changed_meanwhile`.
    pub async fn set_policy(
        &self,
        by: &Operator,
        (id, rule, is_new): (String, Map<String, Json>, bool),
        mode: Mode,
    ) -> Result<SetPolicy, Problem> {
        let _turn = self.writing.lock().await;
        let view = self.view().await?;
        let mut known = view.policies.iter();
        let known = known.find(|stored| stored.id == id);
        let known = known.map(|stored| format!("a policy `{}`", stored.id));
        absent(is_new, known.as_deref())?;
        let mut rule = rule;
        rule.insert("id".to_owned(), id.clone().into());
        let policy = StoredPolicy {
            manifest: Json::Object(rule).to_string(),
            id,
        };
        let (after, candidate) = with_policy(&view, &policy);
        let checked = self
            .check((&view, &after), ("policy", Some(candidate)))
            .await?;
        let mut set = SetPolicy {
            id: policy.id.clone(),
            dry_run: mode == Mode::Preview,
            effect: checked.effect.clone(),
            revision: checked.revision.clone(),
            warnings: Vec::new(),
        };
        if let Mode::Write { if_match } = mode {
            allow(Some(&checked), if_match.as_deref())?;
            let noted = Noted {
                what: "policy.set",
                subject: &policy.manifest,
                ..Noted::default()
            };
            self.recording(by, &noted).set_policy(&policy).await?;
            set.warnings = self.settle().await;
        }
        Ok(set)
    }

    /// Removes a policy of the store.
    ///
    /// # Errors
    /// `unknown_policy`, or `changed_meanwhile`.
    pub async fn remove_policy(
        &self,
        by: &Operator,
        id: &str,
        mode: Mode,
    ) -> Result<RemovedRule, Problem> {
        let _turn = self.writing.lock().await;
        let view = self.view().await?;
        let mut after = view.clone();
        after.policies.retain(|stored| stored.id != id);
        let mut known = view.policies.iter();
        let known = known.find(|stored| stored.id == id);
        let known = known.ok_or_else(|| unknown(id))?;
        let checked = self.check((&view, &after), ("policy", None)).await.ok();
        let mut removed = RemovedRule {
            name: id.to_owned(),
            removed: false,
            effect: checked.as_ref().map(|checked| checked.effect.clone()),
            revision: checked.as_ref().map(|checked| checked.revision.clone()),
            warnings: Vec::new(),
        };
        if let Mode::Write { if_match } = mode {
            allow(checked.as_ref(), if_match.as_deref())?;
            let noted = Noted {
                what: "policy.remove",
                subject: &known.manifest,
                ..Noted::default()
            };
            self.recording(by, &noted).remove_policy(id).await?;
            removed.removed = true;
            removed.warnings = self.settle().await;
        }
        Ok(removed)
    }

    /// Counts the records since a time by the policies that spoke.
    async fn hits(&self, since: OffsetDateTime) -> Result<BTreeMap<String, u64>, Problem> {
        let directory = self.host().journal();
        let counted = self.scan(move || {
            let query = Query {
                kinds: vec![Kind::Decided],
                since: Some(since),
                ..Query::default()
            };
            let mut hits = BTreeMap::new();
            for line in Reader::open(&directory, query)? {
                let line = line?;
                let decided = line.decided().unwrap_or_default();
                for by in decided.by.iter() {
                    *hits.entry(by.clone()).or_default() += 1;
                }
            }
            Ok(hits)
        });
        counted.await
    }
}

fn unknown(id: &str) -> Problem {
    let shown = crate::model::show::escape(id);
    let detail = format!("there is no stored policy `{shown}`");
    Problem::unknown("unknown_policy", detail)
        .help("list them: `tollgate policy list`; those of files are removed in the file")
}
