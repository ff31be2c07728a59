//! Checks the variables of a scheme: none holds a secret, and each is one that a connector may set.

use std::collections::BTreeMap;

use super::{Compiler, PLACEHOLDER, variables};
use crate::config::yaml::At;

impl Compiler<'_> {
    pub(super) fn env(&mut self, written: &BTreeMap<String, At<String>>) -> Vec<(String, String)> {
        for (variable, template) in written {
            if let Some((reason, help)) = variables::objection(variable, self.variables) {
                let message = format!(
                    "`{}` cannot be set by a connector: {reason}",
                    variable.escape_debug()
                );
                self.problem("auth-env", message, template, help);
            }
            let Some(text) = self.parse(template) else {
                continue;
            };
            if text.fields().next().is_none() {
                let message = "a variable holds a placeholder or a public field, not a fixed text";
                let help =
                    "write `{placeholder}` or `{field}`; other variables are the operator's to set";
                self.problem("auth-env", message.to_owned(), template, help);
            }
            let others = text.fields().filter(|name| !self.is_placeholder(name));
            let others: Vec<&str> = others.collect();
            for name in others {
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

    /// `placeholder`, or `placeholder.field` of a secret field.
    fn is_placeholder(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(PLACEHOLDER) else {
            return false;
        };
        let mut fields = self.fields.iter();
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|name| fields.any(|field| field.secret && field.name == name))
    }
}
