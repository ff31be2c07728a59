//! Collects what surrounds every page: who is signed in, what waits, and what is wrong with the gateway.

use serde_json::Value as Json;

use super::assets::Assets;
use super::document::Document as _;
use super::refused::Refused;
use super::visitor::Visitor;
use crate::config::Role;

/// What the frame of a page shows. The API checks roles again; `can_…` only hides what would be refused.
pub(super) struct Frame {
    pub(super) assets: Assets,
    pub(super) title: String,
    /// The entry of the navigation that is marked.
    pub(super) here: &'static str,
    pub(super) operator: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    pub(super) pending: u64,
    pub(super) halts: Vec<String>,
    pub(super) trouble: Vec<String>,
    pub(super) can_decide: bool,
    pub(super) can_edit: bool,
    pub(super) can_own: bool,
    /// What the page answers to a form, in lines.
    pub(super) notices: Vec<String>,
    /// Why a form was refused, in lines.
    pub(super) problems: Vec<String>,
    pub(super) status: Json,
}

impl Frame {
    /// Asks for the gateway's status.
    pub(super) async fn of(
        visitor: &Visitor,
        here: &'static str,
        title: impl Into<String>,
    ) -> Result<Self, Refused> {
        let status = visitor.client.get("/api/v1/status").await?;
        let role = visitor.operator.role;
        Ok(Self {
            assets: Assets,
            title: title.into(),
            here,
            operator: visitor.operator.name.clone(),
            role: role.as_str(),
            csrf: visitor.session.csrf().to_owned(),
            pending: status.number("approvals_pending"),
            halts: status.list("halts").iter().map(halt).collect(),
            trouble: trouble(&status),
            can_decide: role >= Role::Approver,
            can_edit: role >= Role::Editor,
            can_own: role >= Role::Owner,
            notices: Vec::new(),
            problems: Vec::new(),
            status,
        })
    }
}

/// Returns a halt in words.
pub(super) fn halt(halt: &Json) -> String {
    let (scope, name) = (halt.text("scope"), halt.text("name"));
    let what = match scope.as_str() {
        "all" => "everything".to_owned(),
        _ => format!("{scope} {name}"),
    };
    match halt.text("reason").as_str() {
        "" => what,
        reason => format!("{what} ({reason})"),
    }
}

/// Returns what needs an operator, a line each.
fn trouble(status: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let none = Json::Null;
    let reload = status.get("reload").unwrap_or(&none);
    for (field, text) in [
        ("failure", "The newest files are not active"),
        ("config_failure", "The configuration file is not active"),
    ] {
        let why = reload.text(field);
        if !why.is_empty() {
            found.push(format!("{text}: {why}"));
        }
    }
    let restart = reload.words("needs_restart");
    if !restart.is_empty() {
        found.push(format!(
            "These settings need a restart: {}",
            restart.join(", ")
        ));
    }
    if !status.is("journal_healthy") {
        found.push("The journal cannot be written, so nothing is forwarded".to_owned());
    }
    for (field, text) in [
        ("journal_disk_low", "The journal's disk is almost full"),
        (
            "journal_forked",
            "A number of the journal has two hashes: two gateways wrote it",
        ),
        ("draining", "The gateway is shutting down"),
    ] {
        if status.is(field) {
            found.push(text.to_owned());
        }
    }
    for (field, text) in [
        ("credentials_unhealthy", "These credentials do not open"),
        (
            "credentials_unbound",
            "These credentials are bound to another placement",
        ),
    ] {
        let ids = status.words(field);
        if !ids.is_empty() {
            found.push(format!("{text}: {}", ids.join(", ")));
        }
    }
    found
}
