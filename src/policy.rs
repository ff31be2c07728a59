//! Compiles permissions and policies and decides on one action at a time. Deciding is total: whatever fails, denies.

mod applicable;
mod compile;
mod condition;
mod decide;
mod facts;
mod lint;
mod manifest;
mod outlook;
mod permission;
mod policy_test;
mod reading;
mod rule;
mod selector;
mod suggestion;
mod trace;

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Serialize;

use crate::config::diagnostic::{Report, Source};
use crate::model::action::Action;
use crate::model::agent::Agent;
use crate::model::credential::CredentialId;
use crate::model::table::Table;
use crate::model::target::Target;
use crate::model::template::NameTemplate;
use crate::model::vocabulary::Vocabulary;

pub use decide::combine;
pub use manifest::{
    Access, Expectation, Manifest, PermissionEntry, PolicyEntry, ResponseSecrets, TestEntry,
};
pub use outlook::{Case, Outlook};
pub use permission::label as permission_label;
pub use policy_test::{PolicyTest, Subject};
pub use trace::RuleTrace;

/// Outcome for a request; ordered by strictness.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The request may go without asking.
    Allow,
    /// A human must say yes first.
    RequireApproval,
    /// It may not go.
    Deny,
}

/// All permissions and policies of one moment, compiled.
#[derive(Debug, Default)]
pub struct PolicySet {
    compiled: compile::Compiled,
    /// By full name of every action that is known at load, so that entries for other actions cost nothing.
    index: Table<String, applicable::Applicable>,
    /// For names made from requests: the entries that can apply to a name of each template.
    candidates: Table<NameTemplate, applicable::Candidates>,
    /// By connector: places of the permissions that can open it.
    openers: Table<String, Vec<usize>>,
    /// By connector: what denies or asks for some of its actions, so that `full` does not cover its `unknown`.
    guards: Table<String, lint::Guards>,
}

/// The facts of one request that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The agent that sent the request.
    pub agent: &'a Agent,
    /// One of the request's actions.
    pub action: &'a Action,
    /// Method, host, path, query.
    pub target: &'a Target,
    /// As judged; empty where there is none.
    pub content_type: &'a str,
    /// Length of the body where it was read.
    pub body_bytes: Option<usize>,
    /// The moment that conditions on time are evaluated at.
    pub time: SystemTime,
    /// The credential that a permission or the connector's only one would inject.
    pub credential: Option<&'a CredentialId>,
}

/// Which credential permissions choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// They leave it open.
    #[default]
    Open,
    /// All permissions that choose a credential choose this one.
    One(CredentialId),
    /// Different ones with equal weight, so none may go.
    Torn,
}

/// The decision on one action, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// The strictest that spoke; silence is deny.
    pub decision: Decision,
    /// Ids of the policies and labels of the permissions that spoke for `decision`; sorted.
    pub by: Vec<String>,
    /// The deciding policies' `reason`, shown to the agent.
    pub reason: Option<String>,
    /// The deciding policies' `suggest`.
    pub suggest: Option<String>,
    /// No permission opens the connector for the agent. Not looked into where something denies anyway.
    pub no_permission: bool,
    /// Which credential the permissions chose.
    pub credential: Choice,
    /// No action's answer holds a credential, or the permission lets the agent have it (`response_secrets: pass`).
    pub passes_response_secrets: bool,
    /// `host:port` that it lists besides those that the credential is bound to; sorted.
    pub hosts: Vec<String>,
    /// Expressions that failed, for the operator.
    pub failures: Vec<String>,
}

impl Choice {
    /// Returns what two choices come to together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Open, choice) | (choice, Self::Open) => choice,
            (Self::One(one), Self::One(other)) if one == other => Self::One(one),
            (Self::One(_) | Self::Torn, Self::One(_) | Self::Torn) => Self::Torn,
        }
    }
}

impl PolicySet {
    /// Compiles policy files and stored permissions; usable only where the report has no errors.
    pub fn compile(files: &[Source], vocabulary: &Vocabulary, report: &mut Report) -> Self {
        Self::compile_with(files, &[], None, vocabulary, report)
    }

    /// Compiles policy files with permissions of the store, whose unknown names never are errors, and one that is being added,
    /// whose unknown names always are.
    pub fn compile_with(
        files: &[Source],
        stored: &[Source],
        candidate: Option<&Source>,
        vocabulary: &Vocabulary,
        report: &mut Report,
    ) -> Self {
        let sources = compile::Sources {
            files,
            stored,
            candidate,
        };
        let mut set = Self {
            compiled: compile::compile(sources, vocabulary, report),
            ..Self::default()
        };
        set.index = vocabulary
            .actions
            .iter()
            .map(|(name, shape)| {
                (
                    name.as_str().to_owned(),
                    set.applicable(name.as_str(), shape.special),
                )
            })
            .collect();
        set.candidates = vocabulary
            .templates
            .keys()
            .map(|template| (template.clone(), set.candidates_for(template)))
            .collect();
        set.openers = set.openers(vocabulary);
        set.guards = set.guards(vocabulary);
        if !report.has_errors() {
            set.lint(vocabulary, report);
        }
        set
    }

    /// Returns the names in files that do not exist.
    #[must_use]
    pub fn dangling(&self) -> &BTreeSet<String> {
        &self.compiled.dangling
    }

    /// Returns the tests of all files, in order.
    #[must_use]
    pub fn tests(&self) -> &[PolicyTest] {
        &self.compiled.tests
    }

    /// Returns how many permissions and policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compiled.permissions.len() + self.compiled.rules.len()
    }

    /// Returns whether anything is permitted or decided at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compiled.permissions.is_empty() && self.compiled.rules.is_empty()
    }
}
