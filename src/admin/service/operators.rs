//! Manages operators: people and programs that use the admin API, each with a role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::removal::Removed;
use super::{Noted, Service};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::shown_token::ShownToken;
use crate::config::Role;
use crate::model::show::escape;
use crate::roster::{Token, TokenKind};
use crate::store::StoredOperator;

/// The operator whose token lies in the state directory; each start makes it again.
const LOCAL: &str = "local";

/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// An operator, and from where it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// Name, unique among operators.
    pub name: String,
    /// `viewer`, `approver`, `editor` or `owner`.
    pub role: String,
    /// Named by policies' `approvers`.
    pub groups: Vec<String>,
    /// Where it is kept: `configuration` or `store`.
    pub from: String,
}

/// An operator that is to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// Unique, at most 64 bytes of letters, digits, `.`, `_`, `@` and `-`.
    pub name: String,
    /// `viewer`, `approver`, `editor` or `owner`.
    pub role: String,
    /// Named by policies' `approvers`.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// An operator with a new token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddedOperator {
    /// Name of the operator.
    pub name: String,
    /// One of `viewer`, `approver`, `editor`, `owner`.
    pub role: String,
    /// Groups that policies' `approvers` can name.
    pub groups: Vec<String>,
    /// The token; it is shown only this once.
    pub token: ShownToken,
    /// What keeps the change from taking effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A part of the operators.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperatorList {
    /// In the order of the list.
    pub operators: Vec<OperatorView>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Service {
    /// Lists the operators of the configuration, then those of the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn operators(&self) -> Result<Vec<OperatorView>, Problem> {
        let declared = self.host.declared().operators;
        let stored = self.store.operators().await?;
        let view = |operator: &Operator| OperatorView {
            name: operator.name.clone(),
            role: operator.role.as_str().to_owned(),
            groups: operator.groups.iter().cloned().collect(),
            from: "configuration".to_owned(),
        };
        let mut operators: Vec<OperatorView> = declared.iter().map(view).collect();
        operators.extend(stored.into_iter().map(|operator| OperatorView {
            name: operator.name,
            role: operator.role,
            groups: operator.groups,
            from: "store".to_owned(),
        }));
        Ok(operators)
    }

    /// Adds an operator with a token.
    ///
    /// # Errors
    /// `exists`, or a name or role that is none.
    pub async fn add_operator(
        &self,
        by: &Operator,
        new: NewOperator,
    ) -> Result<AddedOperator, Problem> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
        if new.name.is_empty() || new.name.len() > MAX_NAME || !new.name.chars().all(good) {
            let shown = escape(&new.name);
            let detail = format!(
                "`{shown}` is not an operator's name: it is letters, digits, `.`, `_`, `@` and `-`, at most 64 long"
            );
            return Err(Problem::bad("name", detail));
        }
        let Some(role) = Role::of(&new.role) else {
            let shown = escape(&new.role);
            let detail = format!("`{shown}` is not a role; one of viewer, approver, editor, owner");
            return Err(Problem::bad("role", detail));
        };
        let _turn = self.writing.lock().await;
        let mut known = self.operators().await?.into_iter();
        if known.any(|operator| operator.name == new.name) {
            let detail = format!("there is an operator `{}` already", new.name);
            return Err(Problem::conflict("exists", detail));
        }
        let groups: BTreeSet<String> = new.groups.into_iter().collect();
        let operator = StoredOperator {
            name: new.name,
            role: role.as_str().to_owned(),
            groups: groups.into_iter().collect(),
            token_hash: [0; 32],
        };
        self.give_token(by, "operator.add", operator).await
    }

    /// Replaces the token of an operator of the store.
    ///
    /// # Errors
    /// `unknown_operator`, `declared` or `local`.
    pub async fn rotate_operator(
        &self,
        by: &Operator,
        name: &str,
    ) -> Result<AddedOperator, Problem> {
        let _turn = self.writing.lock().await;
        let operator = self.stored_operator(name).await?;
        self.give_token(by, "operator.rotate", operator).await
    }

    /// Removes an operator of the store; its token fails from now on, and its streams end.
    ///
    /// # Errors
    /// `unknown_operator`, `declared` or `local`.
    pub async fn remove_operator(&self, by: &Operator, name: &str) -> Result<Removed, Problem> {
        let _turn = self.writing.lock().await;
        let operator = self.stored_operator(name).await?;
        let noted = Noted {
            what: "operator.remove",
            subject: name,
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        store.remove_operator(&operator.name).await?;
        Ok(Removed::gone(&operator.name, self.settle().await))
    }

    async fn give_token(
        &self,
        by: &Operator,
        what: &str,
        operator: StoredOperator,
    ) -> Result<AddedOperator, Problem> {
        let token = Token::generate(TokenKind::Operator, &mut rand::rng());
        let operator = StoredOperator {
            token_hash: token.hash().0,
            ..operator
        };
        let noted = Noted {
            what,
            subject: &operator.name,
            detail: Some(serde_json::json!({ "role": operator.role, "groups": operator.groups })),
            ..Noted::default()
        };
        let store = self.recording(by, &noted);
        store.put_operator(&operator).await?;
        Ok(AddedOperator {
            warnings: self.settle().await,
            token: ShownToken::new(token.reveal()),
            name: operator.name,
            role: operator.role,
            groups: operator.groups,
        })
    }

    /// Returns an operator that commands may change.
    async fn stored_operator(&self, name: &str) -> Result<StoredOperator, Problem> {
        let declared = self.host.declared().operators;
        if declared.iter().any(|operator| operator.name == name) {
            let detail =
                format!("operator `{name}` is declared in the configuration; change it there");
            return Err(Problem::conflict("declared", detail));
        }
        if name == LOCAL {
            let detail = "operator `local` is the owner of the state directory";
            let help =
                "remove `operator.token` there and restart the gateway: it makes a new token";
            return Err(Problem::conflict("local", detail).help(help));
        }
        let stored = self.store.operators().await?;
        let found = stored.into_iter().find(|operator| operator.name == name);
        found.ok_or_else(|| {
            let detail = format!("there is no operator `{}`", escape(name));
            Problem::unknown("unknown_operator", detail).help("list them: `tollgate operator list`")
        })
    }
}
