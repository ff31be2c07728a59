//! Manages agents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::references::{Named, References};
use super::removal::{Removal, Removed};
use super::rules::Mode;
use super::{DeclaredAgent, Noted, Service, seconds};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::shown_token::ShownToken;
use crate::model::agent::AgentName;
use crate::model::show::escape;
use crate::store::{Cascade, Store, StoreError, StoredAgent, StoredToken};

/// An agent, and from where it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// Unique among all agents, `[a-z0-9-]+`.
    pub name: String,
    /// Free labels that permissions and policies can name.
    pub labels: BTreeMap<String, String>,
    /// Where it is kept: `configuration` or `store`.
    pub from: String,
    /// Number of tokens that have not expired.
    pub tokens: usize,
    /// RFC 3339; null for an agent of the configuration.
    pub created_at: Option<String>,
    /// What keeps a change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// An agent that is to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// `[a-z0-9-]+`, unique, at most 64 bytes.
    pub name: String,
    /// Free labels that permissions and policies can name.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Seconds after which the first token expires; never by default.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// An agent that was added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddedAgent {
    /// Name of the agent.
    pub name: String,
    /// Free labels that permissions and policies can name.
    pub labels: BTreeMap<String, String>,
    /// Moment in RFC 3339, UTC.
    pub created_at: String,
    /// The token; it is shown only this once.
    pub token: ShownToken,
    /// Rules that name the agent already and take effect now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revived: Vec<String>,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The labels that replace those of an agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Free labels that permissions and policies can name.
    pub labels: BTreeMap<String, String>,
}

/// A part of the agents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentList {
    /// In the order of the list.
    pub agents: Vec<AgentView>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Service {
    /// Lists the agents of the configuration, then those of the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn agents(&self) -> Result<Vec<AgentView>, Problem> {
        let stored = self.store.agents().await?;
        let now = seconds(self.clock.now());
        let living = |name: &str| {
            let tokens = stored.iter().filter(|agent| agent.name == name);
            let tokens = tokens.flat_map(|agent| &agent.tokens);
            let living = |token: &&StoredToken| token.expires_at.is_none_or(|end| end > now);
            tokens.filter(living).count()
        };
        let declared = self.host.declared().agents;
        let is_declared = |name: &str| {
            declared
                .iter()
                .any(|known| known.agent.name.as_str() == name)
        };
        let mut agents: Vec<AgentView> = declared
            .iter()
            .map(|DeclaredAgent { agent, has_token }| AgentView {
                name: agent.name.to_string(),
                labels: agent.labels.clone(),
                from: "configuration".to_owned(),
                tokens: living(agent.name.as_str()) + usize::from(*has_token),
                created_at: None,
                warnings: Vec::new(),
            })
            .collect();
        let added = stored.iter().filter(|agent| !is_declared(&agent.name));
        agents.extend(added.map(|agent| AgentView {
            name: agent.name.clone(),
            labels: agent.labels.clone(),
            from: "store".to_owned(),
            tokens: living(&agent.name),
            created_at: Some(agent.created_at.clone()),
            warnings: Vec::new(),
        }));
        Ok(agents)
    }

    /// Adds an agent with a token.
    ///
    /// # Errors
    /// `exists`, or a name that is none.
    pub async fn add_agent(&self, by: &Operator, new: NewAgent) -> Result<AddedAgent, Problem> {
        let name = agent_name(&new.name)?;
        let _turn = self.writing.lock().await;
        if self.declares_agent(name.as_str()) {
            let detail = format!("agent `{name}` is declared in the configuration already");
            return Err(Problem::conflict("exists", detail));
        }
        let view = self.view().await?;
        let revived = References::find(self.host(), &view, Named::Agent(name.as_str()));
        let (token, stored) = self.fresh_token(new.expires_in)?;
        let agent = StoredAgent {
            name: name.to_string(),
            labels: new.labels,
            tokens: vec![stored],
            created_at: self.clock.stamp(),
        };
        let noted = Noted {
            what: "agent.add",
            subject: name.as_str(),
            agent: name.as_str(),
            ..Noted::default()
        };
        let added = self.recording(by, &noted).add_agent(&agent).await;
        added.map_err(|error| match error {
            StoreError::Exists { .. } => {
                Problem::conflict("exists", format!("there is an agent `{name}` already"))
            }
            other => Problem::from(other),
        })?;
        let mut warnings = revived.warnings();
        warnings.extend(self.settle().await);
        Ok(AddedAgent {
            name: agent.name,
            labels: agent.labels,
            created_at: agent.created_at,
            token: ShownToken::new(token.reveal()),
            revived: revived.lines(),
            warnings,
        })
    }

    /// Replaces the labels of an agent of the store.
    ///
    /// # Errors
    /// `unknown_agent`, or `declared`.
    pub async fn label_agent(
        &self,
        by: &Operator,
        name: &str,
        labels: Labels,
    ) -> Result<AgentView, Problem> {
        let turn = self.writing.lock().await;
        self.refuse_declared(name)?;
        let noted = Noted {
            what: "agent.label",
            subject: name,
            agent: name,
            detail: Some(serde_json::json!({ "labels": labels.labels })),
        };
        let store = self.recording(by, &noted);
        let set = store.set_labels(name, &labels.labels).await;
        set.map_err(|error| not_found(error, name))?;
        let warnings = self.settle().await;
        drop(turn);
        let mut agents = self.agents().await?.into_iter();
        let agent = agents.find(|agent| agent.name == name);
        let agent = agent.ok_or_else(|| unknown(name))?;
        Ok(AgentView { warnings, ..agent })
    }

    /// Removes an agent and its tokens, with the rules of the store that name it where `cascade` says so.
    ///
    /// # Errors
    /// `unknown_agent`, `declared`, `named` with the list of the rules, or `changed_meanwhile`.
    pub async fn remove_agent(
        &self,
        by: &Operator,
        name: &str,
        how: (bool, Mode),
    ) -> Result<Removed, Problem> {
        let _turn = self.writing.lock().await;
        self.refuse_declared(name)?;
        let view = self.view().await?;
        if !view.agents.iter().any(|agent| agent.name == name) {
            return Err(absent(name));
        }
        let mut without = view.clone();
        without.agents.retain(|agent| agent.name != name);
        let removal = Removal {
            named: Named::Agent(name),
            what: format!("agent `{}`", escape(name)),
            noted: Noted {
                what: "agent.remove",
                subject: name,
                agent: name,
                ..Noted::default()
            },
        };
        let write = async |store: Store, with: Cascade| store.remove_agent_with(name, &with).await;
        self.remove_named((by, removal), (&view, without), how, write)
            .await
    }

    /// Returns whether the configuration declares an agent of this name.
    pub(super) fn declares_agent(&self, name: &str) -> bool {
        let declared = self.host.declared().agents;
        declared
            .iter()
            .any(|known| known.agent.name.as_str() == name)
    }

    fn refuse_declared(&self, name: &str) -> Result<(), Problem> {
        if !self.declares_agent(name) {
            return Ok(());
        }
        let detail = format!("agent `{name}` is declared in the configuration; remove it there");
        Err(Problem::conflict("declared", detail))
    }
}

fn agent_name(text: &str) -> Result<AgentName, Problem> {
    AgentName::parse(text).map_err(|error| Problem::bad("name", error.to_string()))
}

pub(super) fn unknown(name: &str) -> Problem {
    let shown = escape(name);
    Problem::unknown("unknown_agent", format!("there is no agent `{shown}`")).help(format!(
        "list them: `tollgate agent list`; make it: `tollgate agent add {shown}`"
    ))
}

fn not_found(error: StoreError, name: &str) -> Problem {
    match error {
        StoreError::NotFound { .. } => absent(name),
        other => Problem::from(other),
    }
}

/// Says that there is nothing to change.
fn absent(name: &str) -> Problem {
    let shown = escape(name);
    Problem::unknown("unknown_agent", format!("there is no agent `{shown}`"))
}
