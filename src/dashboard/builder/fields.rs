//! Tells which fields a condition can name, and of which type their values are.

use crate::dashboard::catalogue::CatalogueAction;
use crate::model::glob::Glob;

/// A field that conditions can name.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) about: String,
}

/// Fields that every request has.
const ALWAYS: [(&str, &str); 8] = [
    ("action.risk", "low, medium, high or critical"),
    ("action.name", "full name of the action"),
    ("action.method", "method of the request"),
    ("action.host", "host of the request"),
    ("action.path", "path of the request, decoded"),
    ("agent.name", "name of the agent"),
    ("request.content_type", "media type of the body"),
    ("credential.id", "credential that would be put on"),
];

/// Most fields that are suggested.
const MOST: usize = 200;

/// Returns the parameters of the chosen actions, then what every request has.
pub(super) fn known_fields(actions: &[CatalogueAction], chosen: &[String]) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for (name, about) in chosen_params(actions, chosen) {
        if known.len() < MOST && !known.iter().any(|field| field.name == *name) {
            known.push(Known {
                name: name.clone(),
                about: about.clone(),
            });
        }
    }
    known.extend(ALWAYS.iter().map(|(name, about)| Known {
        name: (*name).to_owned(),
        about: (*about).to_owned(),
    }));
    known
}

/// Returns the kind of a parameter's values as a row has it; empty where the catalogue does not say.
pub(super) fn kind_of(actions: &[CatalogueAction], chosen: &[String], name: &str) -> &'static str {
    let mut found = chosen_params(actions, chosen).filter(|(known, _)| known == name);
    match found.next().map(|(_, kind)| kind.as_str()) {
        Some("int" | "integer" | "number" | "float" | "double") => "number",
        Some("bool" | "boolean") => "truth",
        Some(_) | None => "",
    }
}

fn chosen_params<'a>(
    actions: &'a [CatalogueAction],
    chosen: &[String],
) -> impl Iterator<Item = &'a (String, String)> {
    let globs: Vec<Glob> = chosen.iter().map(|name| Glob::new(name)).collect();
    let chosen = actions
        .iter()
        .filter(move |action| globs.iter().any(|glob| glob.matches(&action.name)));
    chosen.flat_map(|action| &action.params)
}
