//! What operators write, read from outside.

mod load;
mod render;
mod sources;
mod yaml;

use tollgate::config::diagnostic::Source;

/// Returns a source as a file would give it.
fn source(text: &str) -> Source {
    Source {
        name: "demo.yaml".into(),
        text: text.into(),
        built_in: false,
    }
}
