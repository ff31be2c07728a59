//! Selects records for a reader. Segments are skipped by their summary and lines by a substring, before any JSON is parsed.

use memchr::memmem::Finder;
use serde::Deserialize;
use time::OffsetDateTime;

use super::chain::Front;
use super::exchange::RecordedAction;
use super::record::Kind;
use super::summary::SegmentSummary;
use crate::model::action::Risk;
use crate::model::clock;
use crate::model::glob::Glob;

/// How long before and after the time in a request id its records can lie: an exchange may last, and clocks are set.
const BEFORE: time::Duration = time::Duration::minutes(10);

/// Which records are wanted; what is absent does not narrow.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Exact name of the agent.
    pub agent: Option<String>,
    /// Exact id of the connector.
    pub connector: Option<String>,
    /// Of any action of the request, or that it may have been.
    pub action: Option<Glob>,
    /// Exact decision: `allow`, `deny` or `require_approval`.
    pub decision: Option<String>,
    /// Exact code of a refusal.
    pub code: Option<String>,
    /// Of any action of the request.
    pub risk: Option<Risk>,
    /// Any of these; all where there is none.
    pub kinds: Vec<Kind>,
    /// Exact ULID of the request.
    pub request_id: Option<String>,
    /// Oldest time that a record may have, inclusive.
    pub since: Option<OffsetDateTime>,
    /// Time before which a record must be, exclusive.
    pub until: Option<OffsetDateTime>,
    /// Anywhere in the line, as it is written there.
    pub text: Option<String>,
}

/// A query made ready for many lines.
#[derive(Debug)]
pub struct Prepared {
    query: Query,
    needles: Vec<Finder<'static>>,
    since: Option<String>,
    until: Option<String>,
}

/// What a line is compared by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    agent: String,
    connector: String,
    decision: String,
    code: String,
    request_id: String,
    action: String,
    actions: Vec<RecordedAction<String, serde::de::IgnoredAny>>,
    candidates: Vec<String>,
}

impl Query {
    /// Makes the query ready.
    #[must_use]
    pub fn prepare(self) -> Prepared {
        let field = |name: &str, value: &Option<String>| {
            let value = serde_json::to_string(value.as_ref()?).ok()?;
            Some(format!("\"{name}\":{value}"))
        };
        let glob = self.action.as_ref().map(|glob| {
            let start = glob.as_str().get(..glob.literal_start());
            format!("\"{}", start.unwrap_or_default())
        });
        let needles = [
            field("agent", &self.agent),
            field("connector", &self.connector),
            field("decision", &self.decision),
            field("code", &self.code),
            field("request_id", &self.request_id),
            self.risk.map(|risk| format!("\"risk\":\"{risk}\"")),
            self.text.clone(),
            glob,
        ];
        let needles = needles.into_iter().flatten();
        let (since, until) = self.times();
        Prepared {
            needles: needles
                .map(|needle| Finder::new(needle.as_bytes()).into_owned())
                .collect(),
            since: since.map(|time| clock::micros(time.into())),
            until: until.map(|time| clock::micros(time.into())),
            query: self,
        }
    }

    /// Returns since when records count, narrowed to the time in a request id.
    fn times(&self) -> (Option<OffsetDateTime>, Option<OffsetDateTime>) {
        let id = self.request_id.as_deref().and_then(|id| id.parse().ok());
        let made = id.map(|id: ulid::Ulid| OffsetDateTime::from(id.datetime()));
        let earliest = made.and_then(|made| made.checked_sub(BEFORE));
        (self.since.max(earliest), self.until)
    }
}

impl Prepared {
    /// Returns whether a segment with this summary can hold what is wanted.
    #[must_use]
    pub(super) fn may_be_in(&self, summary: &SegmentSummary) -> bool {
        let has = |set: &Option<std::collections::BTreeSet<String>>, value: &Option<String>| {
            let (Some(set), Some(value)) = (set, value) else {
                return true;
            };
            set.contains(value)
        };
        let query = &self.query;
        let action = match (&summary.actions, &query.action) {
            (Some(set), Some(glob)) => set.iter().any(|name| glob.matches(name)),
            _ => true,
        };
        let is_later = self.since.as_ref().is_some_and(|since| {
            !summary.last_time.is_empty() && summary.last_time.as_str() < since.as_str()
        });
        let is_earlier = self.until.as_ref().is_some_and(|until| {
            !summary.first_time.is_empty() && summary.first_time.as_str() >= until.as_str()
        });
        action
            && !is_later
            && !is_earlier
            && has(&summary.agents, &query.agent)
            && has(&summary.connectors, &query.connector)
            && has(&summary.decisions, &query.decision)
            && has(&summary.codes, &query.code)
    }

    /// Returns whether a line may be wanted, or any line of many, without parsing it.
    #[must_use]
    pub(super) fn may_be(&self, line: &[u8]) -> bool {
        self.needles
            .iter()
            .all(|needle| needle.find(line).is_some())
    }

    /// Returns whether a line is wanted.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        if !self.may_be(line) {
            return false;
        }
        let (Some(front), Ok(said)) = (Front::parse(line), serde_json::from_slice::<Said>(line))
        else {
            return false;
        };
        let query = &self.query;
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let action = query.action.as_ref().is_none_or(|glob| {
            let named = said.actions.iter().map(|action| &action.name);
            named
                .chain(&said.candidates)
                .chain(std::iter::once(&said.action))
                .any(|name| glob.matches(name))
        });
        let risk = query
            .risk
            .is_none_or(|risk| said.actions.iter().any(|action| action.risk == risk));
        action
            && risk
            && (query.kinds.is_empty() || query.kinds.contains(&front.kind))
            && is(&query.agent, &said.agent)
            && is(&query.connector, &said.connector)
            && is(&query.decision, &said.decision)
            && is(&query.code, &said.code)
            && is(&query.request_id, &said.request_id)
            && self
                .since
                .as_deref()
                .is_none_or(|since| front.time >= since)
            && self.until.as_deref().is_none_or(|until| front.time < until)
    }
}
