//! Counts what the journal recorded since a time: decisions over time, and by agent, action, code and rule.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::Service;
use crate::admin::problem::Problem;
use crate::journal::{Decided, Kind, Query, Reader, RecordedAction};

/// Requests that are counted at most, the newest; more would keep an operator waiting.
const MOST: u64 = 50_000;

/// Parts of the time.
const BUCKETS: u32 = 48;

/// Names of a count at most; what is rarer than that is left out.
const NAMES: usize = 1000;

/// How often something was decided.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct OutcomeCounts {
    /// Requests that were allowed.
    pub allow: u64,
    /// Requests that needed an operator's approval.
    pub require_approval: u64,
    /// Requests that were denied.
    pub deny: u64,
}

/// A part of the time, and what was decided in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SummaryBucket {
    /// Its beginning, RFC 3339.
    pub at: String,
    /// Requests that were allowed.
    pub allow: u64,
    /// Requests that needed an operator's approval.
    pub require_approval: u64,
    /// Requests that were denied.
    pub deny: u64,
}

/// What was decided since a time.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RecordCounts {
    /// Since when, RFC 3339.
    pub since: String,
    /// Whether all requests are counted; false where only the newest 50,000 are.
    pub complete: bool,
    /// Number of requests that are counted.
    pub requests: u64,
    /// Requests that were allowed.
    pub allowed: u64,
    /// Requests that needed an operator's approval.
    pub asked: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// The time in 48 equal parts, oldest first.
    pub buckets: Vec<SummaryBucket>,
    /// Refusals by their codes.
    pub codes: BTreeMap<String, u64>,
    /// Requests by their agents.
    pub agents: BTreeMap<String, u64>,
    /// Actions by their names.
    pub actions: BTreeMap<String, u64>,
    /// Decisions by the permissions and policies that spoke for them.
    pub rules: BTreeMap<String, OutcomeCounts>,
}

impl Service {
    /// Counts the requests since a time, the newest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn summary(&self, since: OffsetDateTime) -> Result<RecordCounts, Problem> {
        let directory = self.host().journal();
        let until = self.clock().utc();
        let counted = self.scan(move || {
            let query = Query {
                kinds: vec![Kind::Decided],
                since: Some(since),
                ..Query::default()
            };
            let mut counts = RecordCounts::between(since, until);
            for line in Reader::open(&directory, query)? {
                let line = line?;
                if counts.requests == MOST {
                    counts.complete = false;
                    break;
                }
                let time = line.front().map(|front| front.time.to_owned());
                let time = time.and_then(|time| OffsetDateTime::parse(&time, &Rfc3339).ok());
                let decided = line.decided().unwrap_or_default();
                counts.add(&decided, time.unwrap_or(until), (since, until));
            }
            Ok(counts)
        });
        counted.await
    }
}

impl RecordCounts {
    fn between(since: OffsetDateTime, until: OffsetDateTime) -> Self {
        let step = (until - since) / BUCKETS;
        let buckets = (0..BUCKETS).map(|at| SummaryBucket {
            at: (since + step * at).format(&Rfc3339).unwrap_or_default(),
            ..SummaryBucket::default()
        });
        Self {
            since: since.format(&Rfc3339).unwrap_or_default(),
            complete: true,
            buckets: buckets.collect(),
            ..Self::default()
        }
    }

    fn add(
        &mut self,
        decided: &Decided<'_>,
        time: OffsetDateTime,
        (since, until): (OffsetDateTime, OffsetDateTime),
    ) {
        self.requests += 1;
        match &*decided.decision {
            "allow" => self.allowed += 1,
            "deny" => self.denied += 1,
            _ => self.asked += 1,
        }
        let step = ((until - since) / BUCKETS).whole_milliseconds().max(1);
        let at = usize::try_from((time - since).whole_milliseconds() / step).unwrap_or(0);
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(at.min(last)) {
            match &*decided.decision {
                "allow" => bucket.allow += 1,
                "deny" => bucket.deny += 1,
                _ => bucket.require_approval += 1,
            }
        }
        for rule in decided.by.iter() {
            if self.rules.len() < NAMES || self.rules.contains_key(rule) {
                self.rules
                    .entry(rule.clone())
                    .or_default()
                    .add(&decided.decision);
            }
        }
        count(&mut self.agents, &decided.agent);
        count(&mut self.codes, &decided.code);
        let actions = decided.actions.as_ref().map(|actions| actions.get());
        let actions = actions.and_then(|text| {
            serde_json::from_str::<Vec<RecordedAction<String, IgnoredAny>>>(text).ok()
        });
        for action in actions.into_iter().flatten() {
            count(&mut self.actions, &action.name);
        }
    }
}

impl OutcomeCounts {
    fn add(&mut self, decision: &str) {
        match decision {
            "allow" => self.allow += 1,
            "deny" => self.deny += 1,
            _ => self.require_approval += 1,
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    if name.is_empty() {
        return;
    }
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else if counts.len() < NAMES {
        counts.insert(name.to_owned(), 1);
    }
}
