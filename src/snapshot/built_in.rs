//! Embeds the connectors of `connectors.d` in the binary at build time.

use crate::config::diagnostic::Source;

/// File name and text, by name; written by `build.rs`.
static FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Returns the embedded connector files.
#[must_use]
pub fn built_in_connectors() -> Vec<Source> {
    FILES
        .iter()
        .map(|(name, text)| Source {
            name: format!("built-in {name}").into(),
            text: (*text).into(),
            built_in: true,
        })
        .collect()
}
