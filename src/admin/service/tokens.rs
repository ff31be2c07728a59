//! Manages the tokens of agents. A token's text is answered once; the store has its hash.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agents::unknown;
use super::removal::Removed;
use super::{Noted, Service, seconds};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::shown_token::ShownToken;
use crate::model::clock::stamp;
use crate::model::show::escape;
use crate::roster::{Token, TokenKind};
use crate::store::{StoreError, StoredAgent, StoredToken};

/// Longest time that a token may be asked to last, in seconds: ten years.
const LONGEST: u64 = 10 * 366 * 24 * 3600;

/// A token of an agent, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The first 12 hexadecimal digits of the token's SHA-256.
    pub id: String,
    /// RFC 3339; null for a token of an older version.
    pub created_at: Option<String>,
    /// RFC 3339, of the last request; null for none.
    pub used_at: Option<String>,
    /// RFC 3339; null for a token that does not expire.
    pub expires_at: Option<String>,
}

/// A token that is to be added.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Seconds after which it expires; never by default.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A token that was added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddedToken {
    /// The first 12 hexadecimal digits of the token's SHA-256.
    pub id: String,
    /// The token; it is shown only this once.
    pub token: ShownToken,
    /// RFC 3339; null for a token that does not expire.
    pub expires_at: Option<String>,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The tokens of an agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// In the order of the list.
    pub tokens: Vec<TokenView>,
}

impl Service {
    /// Lists the tokens of an agent that the store keeps.
    ///
    /// # Errors
    /// `unknown_agent`.
    pub async fn tokens(&self, name: &str) -> Result<Vec<TokenView>, Problem> {
        let stored = self.store.agents().await?;
        let agent = stored.into_iter().find(|agent| agent.name == name);
        let Some(agent) = agent else {
            return if self.declares_agent(name) {
                Ok(Vec::new())
            } else {
                Err(unknown(name))
            };
        };
        let used = self.host.used();
        let view = |token: &StoredToken| {
            let seen = used.iter().find(|(hash, _)| hash.0 == token.hash);
            TokenView {
                id: token.id(),
                created_at: token.created_at.clone(),
                used_at: seen.map(|(_, at)| *at).max(token.used_at).map(rfc3339),
                expires_at: token.expires_at.map(rfc3339),
            }
        };
        let mut tokens: Vec<TokenView> = agent.tokens.iter().map(view).collect();
        tokens.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(tokens)
    }

    /// Adds a token to an agent. One that the configuration declares gets a row in the store for it.
    ///
    /// # Errors
    /// `unknown_agent`.
    pub async fn add_token(
        &self,
        by: &Operator,
        name: &str,
        new: NewToken,
    ) -> Result<AddedToken, Problem> {
        let _turn = self.writing.lock().await;
        let (token, stored) = self.fresh_token(new.expires_in)?;
        let now = self.clock.now();
        let id = stored.id();
        let noted = Noted {
            what: "agent.token.add",
            subject: &format!("{name} {id}"),
            agent: name,
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        let mut added = store.add_token(name, &stored, now).await;
        let declared = self.host.declared().agents.into_iter();
        let declared = declared
            .map(|known| known.agent)
            .find(|agent| agent.name.as_str() == name);
        if let (Err(StoreError::NotFound { .. }), Some(declared)) = (&added, declared) {
            let row = StoredAgent {
                name: name.to_owned(),
                labels: declared.labels,
                tokens: vec![stored.clone()],
                created_at: self.clock.stamp(),
            };
            added = store.add_agent(&row).await;
        }
        added.map_err(|error| match error {
            StoreError::NotFound { .. } => unknown(name),
            other => Problem::from(other),
        })?;
        let warnings = self.settle().await;
        Ok(AddedToken {
            id,
            token: ShownToken::new(token.reveal()),
            expires_at: stored.expires_at.map(rfc3339),
            warnings,
        })
    }

    /// Revokes a token by its id; it fails from now on, also inside open tunnels.
    ///
    /// # Errors
    /// `unknown_agent`, `unknown_token`, or an id that several tokens have.
    pub async fn revoke_token(
        &self,
        by: &Operator,
        name: &str,
        id: &str,
    ) -> Result<Removed, Problem> {
        let _turn = self.writing.lock().await;
        let stored = self.store.agents().await?;
        let agent = stored.iter().find(|agent| agent.name == name);
        let agent = agent.ok_or_else(|| unknown(name))?;
        let mut found = agent.tokens.iter().filter(|token| token.id() == id);
        let token = match (found.next(), found.next()) {
            (Some(token), None) => token,
            (None, _) => {
                let shown = escape(id);
                let detail = format!("agent `{name}` has no token `{shown}`");
                let help = format!("list them: `tollgate agent token list {name}`");
                return Err(Problem::unknown("unknown_token", detail).help(help));
            }
            (Some(_), Some(_)) => {
                let detail = format!("agent `{name}` has several tokens `{id}`");
                return Err(Problem::conflict("ambiguous", detail));
            }
        };
        let noted = Noted {
            what: "agent.token.revoke",
            subject: &format!("{name} {id}"),
            agent: name,
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        store.remove_token(&token.hash).await?;
        Ok(Removed::gone(id, self.settle().await))
    }

    /// Returns a new token, and its row.
    pub(super) fn fresh_token(
        &self,
        expires_in: Option<u64>,
    ) -> Result<(Token, StoredToken), Problem> {
        if expires_in.is_some_and(|seconds| seconds == 0 || seconds > LONGEST) {
            let detail = "`expires_in` is between 1 second and 10 years";
            return Err(Problem::bad("expires_in", detail));
        }
        let token = Token::generate(TokenKind::Agent, &mut rand::rng());
        let end = expires_in.map(|after| seconds(self.clock.now() + Duration::from_secs(after)));
        let stored = StoredToken {
            hash: token.hash().0,
            expires_at: end,
            created_at: Some(self.clock.stamp()),
            used_at: None,
        };
        Ok((token, stored))
    }
}

fn rfc3339(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    stamp(UNIX_EPOCH + since)
}
