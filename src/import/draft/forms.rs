//! Derives the form of captured labels from the description; routes share forms by anchors.

use std::collections::BTreeMap;

use super::{DraftRoute, Param, ParameterForm, Shared};
use crate::import::api::{Field, Kind};
use crate::import::{sample, secrets};

/// What an identifier can be written with, where a description does not say: no slash, no space, no percent sign.
const IDENTIFIER: &str = "[A-Za-z0-9_.~:@+=,-]+";
/// A whole number in its one spelling.
const NUMBER: &str = "0|[1-9][0-9]*";
const UUID: &str = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

/// Returns how a captured label must be written, and whether it is a secret.
pub(crate) fn of(field: &Field, name: &str) -> ParameterForm {
    ParameterForm {
        secret: field.shape.secret || secrets::is_secret_value(name, field.shape.kind),
        ..written(field, name)
    }
}

fn written(field: &Field, name: &str) -> ParameterForm {
    let shape = &field.shape;
    let exactly = |pattern: String| ParameterForm {
        pattern: Some(pattern),
        ..ParameterForm::default()
    };
    let simple = |value: &String| {
        !value.is_empty()
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if shape.kind == Kind::Int {
        return exactly(NUMBER.to_owned());
    }
    if shape.format.as_deref() == Some("uuid") {
        return ParameterForm {
            pattern: Some(UUID.to_owned()),
            fold_lower: true,
            ..ParameterForm::default()
        };
    }
    if !shape.values.is_empty() && shape.values.len() <= 20 && shape.values.iter().all(simple) {
        let values: Vec<String> = shape
            .values
            .iter()
            .map(|value| value.replace('.', r"\."))
            .collect();
        return exactly(values.join("|"));
    }
    match shape.pattern.as_deref().and_then(anchored) {
        Some(pattern) => exactly(pattern),
        None => loose(name),
    }
}

/// Returns the form of a label that nothing is said of: one that identifies gets a loose pattern, and a mark.
pub(crate) fn identifier(name: &str) -> ParameterForm {
    ParameterForm {
        secret: secrets::is_secret_value(name, Kind::Any),
        ..loose(name)
    }
}

fn loose(name: &str) -> ParameterForm {
    let identifies = name.ends_with("_id") || name == "id" || name.ends_with("key");
    ParameterForm {
        pattern: identifies.then(|| IDENTIFIER.to_owned()),
        guess: identifies,
        ..ParameterForm::default()
    }
}

/// Returns a description's pattern, which holds anywhere in a value, as one that holds for the whole; if the gateway can use it.
fn anchored(pattern: &str) -> Option<String> {
    let pattern = ascii(pattern);
    let front = pattern.strip_prefix('^');
    let back = front.unwrap_or(&pattern).strip_suffix('$');
    let inner = back.or(front).unwrap_or(&pattern);
    let alternatives = inner.contains('|') && !inner.starts_with('(');
    let text = match (front, back) {
        (Some(_), Some(inner)) => inner.to_owned(),
        _ if alternatives => return None,
        (Some(inner), None) => format!("{inner}.*"),
        (None, Some(inner)) => format!(".*{inner}"),
        (None, None) => format!(".*{inner}.*"),
    };
    // `^a|b$` is not what it looks like.
    let whole = !(alternatives && front.is_some() != back.is_some());
    let short = text.len() <= 200 && !text.is_empty() && !text.chars().any(char::is_control);
    (whole && short && sample::by_pattern(&text).is_some()).then_some(text)
}

/// Writes `\d` and `\w` out: in a description they are ASCII, in the gateway's expressions every script's.
fn ascii(pattern: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let set = match c {
            '\\' => match characters.next() {
                Some('d') => "0-9",
                Some('w') => "A-Za-z0-9_",
                Some(other) => {
                    out.extend(['\\', other]);
                    continue;
                }
                None => break,
            },
            '[' | ']' => {
                inside = c == '[';
                out.push(c);
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        out.push_str(&if inside {
            set.to_owned()
        } else {
            format!("[{set}]")
        });
    }
    out
}

/// Puts forms that several routes have, and all guesses, under anchors; and says which.
pub(crate) fn share(routes: &mut [DraftRoute]) -> Vec<Shared> {
    /// How often a form is there, and a name for it where the parameter's says too little.
    #[derive(Default)]
    struct Use {
        count: usize,
        full_name: String,
    }
    let mut uses: BTreeMap<(String, ParameterForm), Use> = BTreeMap::new();
    for route in routes.iter() {
        for param in route.params.iter().filter(|param| is_form_alone(param)) {
            let known = uses
                .entry((param.name.clone(), param.form.clone()))
                .or_default();
            known.count += 1;
            if known.count == 1 {
                let resource = route.action.rsplit('.').nth(1).unwrap_or_default();
                known.full_name = format!("{resource}_{}", param.name);
            }
        }
    }
    let mut shared: Vec<Shared> = Vec::new();
    let mut anchors: BTreeMap<(String, ParameterForm), String> = BTreeMap::new();
    let several = |name: &String| uses.keys().filter(|(other, _)| other == name).count() > 1;
    for ((name, form), known) in &uses {
        // What is written the same whatever it identifies has one name.
        let general = match form.pattern.as_deref().filter(|_| !form.secret) {
            Some(NUMBER) => Some("number"),
            Some(UUID) => Some("uuid"),
            Some(_) | None => None,
        };
        if known.count < 2 && !form.guess && general.is_none() {
            continue;
        }
        let wanted = general.unwrap_or(if several(name) {
            &known.full_name
        } else {
            name
        });
        let there = shared
            .iter()
            .find(|there| there.form == *form && there.anchor == wanted);
        let anchor = there.map_or_else(|| free(wanted, &shared), |there| there.anchor.clone());
        if there.is_none() {
            shared.push(Shared {
                anchor: anchor.clone(),
                form: form.clone(),
            });
        }
        anchors.insert((name.clone(), form.clone()), anchor);
    }
    for param in routes
        .iter_mut()
        .flat_map(|route| &mut route.params)
        .filter(|param| is_form_alone(param))
    {
        param.anchor = anchors
            .get(&(param.name.clone(), param.form.clone()))
            .cloned();
    }
    shared.sort_by(|one, other| one.anchor.cmp(&other.anchor));
    shared
}

fn free(wanted: &str, shared: &[Shared]) -> String {
    let taken = |anchor: &str| shared.iter().any(|known| known.anchor == anchor);
    let mut anchor = wanted.to_owned();
    for number in 2.. {
        if !taken(&anchor) {
            break;
        }
        anchor = format!("{wanted}_{number}");
    }
    anchor
}

/// Marks each route that has a guess of its own.
pub(crate) fn mark_guesses(routes: &mut [DraftRoute]) {
    for route in routes {
        let guesses: Vec<&str> = route
            .params
            .iter()
            .filter(|param| param.form.guess)
            .map(|param| param.name.as_str())
            .collect();
        if !guesses.is_empty() {
            let remark = format!(
                "the description gives no form for `{}`; narrow those that a policy compares",
                guesses.join("`, `")
            );
            route.judge.push(remark);
        }
    }
}

fn is_form_alone(param: &Param) -> bool {
    param.from.is_empty() && param.form != ParameterForm::default()
}
