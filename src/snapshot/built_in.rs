//! Embeds the connectors of `connectors.d` in the binary at build time.

use crate::config::diagnostic::{Diagnostic, Source};

/// File name and text, by name; written by `build.rs`.
static FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Returns the embedded connector files.
#[must_use]
pub fn built_in_connectors() -> Vec<Source> {
    FILES.iter().map(source).collect()
}

/// Returns the embedded connector files with these ids; a file is named after its id.
///
/// # Errors
/// A problem for each id that no embedded file has.
pub fn built_in_connectors_of(ids: &[String]) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let unknown: Vec<Diagnostic> = ids
        .iter()
        .filter(|id| FILES.iter().all(|file| id_of(file) != id.as_str()))
        .map(|id| {
            let known: Vec<&str> = FILES.iter().map(id_of).collect();
            let message = format!("`built_in` names `{id}`, which is no built-in connector");
            let help = format!("there are: {}", known.join(", "));
            Diagnostic::error("unknown-built-in", message).help(help)
        })
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let wanted = FILES
        .iter()
        .filter(|file| ids.iter().any(|id| id == id_of(file)));
    Ok(wanted.map(source).collect())
}

fn id_of(file: &(&'static str, &'static str)) -> &'static str {
    file.0.strip_suffix(".yaml").unwrap_or(file.0)
}

fn source((name, text): &(&'static str, &'static str)) -> Source {
    Source {
        name: format!("built-in {name}").into(),
        text: (*text).into(),
        built_in: true,
    }
}
