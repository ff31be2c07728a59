//! Sorts the values of a credential's fields into shown and secret ones, as its scheme says.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::placement;
use crate::admin::problem::Problem;
use crate::auth::Scheme;
use crate::model::secret::{Secret, SecretText};
use crate::model::show::escape;
use crate::vault::{FieldRule, ValueError, check_value};

/// Values of a scheme's fields, shown ones and secrets.
pub(super) type Sorted = (BTreeMap<String, String>, BTreeMap<String, Secret>);

/// Sorts given values. A field that is not given has its kept value, if it is no secret.
pub(super) fn sort(
    scheme: &Scheme,
    kept: &BTreeMap<String, String>,
    mut given: BTreeMap<String, SecretText>,
) -> Result<Sorted, Problem> {
    let placed = placement::in_words(scheme.placement());
    let mut sorted = Sorted::default();
    for field in scheme.fields() {
        let name = field.name.clone();
        let rule = FieldRule {
            name: &field.name,
            secret: field.secret,
            optional: field.optional,
        };
        match given.remove(&field.name) {
            Some(value) => {
                check_value(rule, &value.0, &placed).map_err(|wrong| refused(rule, &wrong))?;
                match (value.0.is_empty(), field.secret) {
                    (true, _) => {}
                    (false, true) => drop(sorted.1.insert(name, value.0)),
                    (false, false) => drop(sorted.0.insert(name, value.into_public())),
                }
            }
            None if !field.secret && kept.contains_key(&field.name) => {
                let value = kept.get(&field.name).cloned();
                sorted.0.extend(value.map(|value| (name, value)));
            }
            None if field.optional => {}
            None => {
                let detail = format!("field `{name}` is missing: every secret field is needed");
                return Err(Problem::bad("fields", detail));
            }
        }
    }
    match given.into_keys().next() {
        Some(unknown) => {
            let detail = format!("scheme `{}` has no field `{}`", scheme.id, escape(&unknown));
            Err(Problem::bad("fields", detail))
        }
        None => Ok(sorted),
    }
}

fn refused(field: FieldRule<'_>, wrong: &ValueError) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let problem = Problem::new(status, wrong.code(), wrong.to_string());
    problem.help(wrong.help()).with("field", field.name)
}
