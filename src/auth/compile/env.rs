//! The variables of a scheme as written in, checked out: no secret in them, and none that is not the connector's to set.

use std::collections::BTreeMap;

use super::{Compiler, PLACEHOLDER};
use crate::config::yaml::At;

impl Compiler<'_> {
    pub(super) fn env(&mut self, written: &BTreeMap<String, At<String>>) -> Vec<(String, String)> {
        for (variable, template) in written {
            if let Some(reason) = env_objection(variable) {
                let message = format!(
                    "`{}` cannot be set by a connector: {reason}",
                    variable.escape_debug()
                );
                self.problem(
                    "auth-env",
                    message,
                    template,
                    "name the variable that the API's own SDK reads",
                );
            }
            let Some(text) = self.parse(template) else {
                continue;
            };
            for name in text.fields().filter(|name| *name != PLACEHOLDER) {
                match self
                    .fields
                    .iter()
                    .find(|field| field.name == name)
                    .map(|field| field.secret)
                {
                    Some(false) => {}
                    Some(true) => {
                        let message =
                            format!("field `{name}` is a secret, and agents read variables");
                        self.problem(
                            "auth-env",
                            message,
                            template,
                            "write `{placeholder}` for it",
                        );
                    }
                    None => self.unknown(name, template),
                }
            }
        }
        written
            .iter()
            .map(|(variable, template)| (variable.clone(), template.value.clone()))
            .collect()
    }
}

/// A connector file must not steer the child of `tollgate run` past the gateway or load code into it.
fn env_objection(variable: &str) -> Option<&'static str> {
    let upper = variable.to_ascii_uppercase();
    let portable = upper.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && upper
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !portable {
        return Some("it is not the name of a variable");
    }
    let own = upper.starts_with("TOLLGATE_")
        || upper.ends_with("_PROXY")
        || upper.starts_with("SSL_CERT_");
    let loading = upper.starts_with("LD_") || upper.starts_with("DYLD_");
    if own
        || loading
        || [
            "PATH",
            "HOME",
            "NODE_OPTIONS",
            "NODE_EXTRA_CA_CERTS",
            "PYTHONPATH",
        ]
        .contains(&upper.as_str())
    {
        return Some("it belongs to the gateway or the system");
    }
    None
}
