//! Reads what the API says of a credential, and the fields of its scheme. No secret is among it.

use serde_json::{Map, Value as Json, json};

use crate::dashboard::document::Document as _;
use crate::dashboard::fields::Fields;
use crate::dashboard::show::When;
use crate::dashboard::visitor::Visitor;

/// What precedes the name of a scheme's field in a form.
pub(super) const FIELD: &str = "field.";

/// A credential, without any secret.
pub(super) struct CredentialRow {
    pub(super) id: String,
    pub(super) connector: String,
    pub(super) scheme: String,
    pub(super) goes: String,
    pub(super) state: String,
    pub(super) is_bad: bool,
    pub(super) identity: String,
    pub(super) from: String,
    pub(super) moved: bool,
    pub(super) revision: String,
    pub(super) success: When,
    pub(super) checked: When,
    pub(super) expires: When,
}

/// A field of a scheme.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) secret: bool,
    pub(super) optional: bool,
    /// What was written; empty for a secret.
    pub(super) value: String,
}

/// Returns the fields of a scheme; only one that is no secret has a value.
pub(super) fn inputs(scheme: &Json, value: impl Fn(&str) -> String) -> Vec<Input> {
    let input = |field: &Json| {
        let (name, secret) = (field.text("name"), field.is("secret"));
        Input {
            value: if secret { String::new() } else { value(&name) },
            optional: field.is("optional"),
            name,
            secret,
        }
    };
    scheme.list("fields").iter().map(input).collect()
}

/// Returns the given values of a scheme's fields.
pub(super) fn given(fields: &Fields) -> Json {
    let given = fields.named(FIELD);
    let given = given.filter(|(_, value)| !value.is_empty());
    given
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<Map<_, _>>()
        .into()
}

impl CredentialRow {
    pub(super) fn of(credential: &Json, visitor: &Visitor) -> Self {
        let now = visitor.app.shared.setup.clock.utc();
        let none = Json::Null;
        let health = credential.get("health").unwrap_or(&none);
        let binding = credential.get("binding").unwrap_or(&none);
        let (problem, state) = (credential.text("problem"), health.text("state"));
        let mut goes = binding.words("hosts").join(", ");
        for (what, words) in [("and", "urls"), ("for", "agents")] {
            let words = binding.words(words);
            if !words.is_empty() {
                goes.push_str(&format!(" {what} {}", words.join(", ")));
            }
        }
        Self {
            id: credential.text("id"),
            connector: credential.text("connector"),
            scheme: if credential.is("agent_owned") {
                "the agent's own".to_owned()
            } else {
                credential.text("scheme")
            },
            goes,
            is_bad: !problem.is_empty() || !["valid", "unchecked", ""].contains(&&*state),
            state: match (problem.is_empty(), health.text("detail")) {
                (false, _) => problem,
                (true, detail) if detail.is_empty() => state,
                (true, detail) => format!("{state}: {detail}"),
            },
            identity: health.text("identity"),
            from: credential.text("from"),
            moved: credential.is("moved"),
            revision: credential.text("revision"),
            success: When::of(&health.text("last_success"), now),
            checked: When::of(&health.text("checked_at"), now),
            expires: When::of(&health.text("expires_at"), now),
        }
    }
}
