//! Knows the example policies that this repository has in `policies.d/examples/`.

use std::borrow::Cow;

/// Name and text of each file, in order of name.
static EXAMPLES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/policy_examples.rs"));

/// Returns the names that `--policy` takes.
pub(in crate::cli) fn names() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(file, _)| stem(file))
}

/// Returns where each of the named examples goes, and what is written there.
pub(super) fn files(names: &[String]) -> impl Iterator<Item = (String, Cow<'static, str>)> {
    let chosen = EXAMPLES
        .iter()
        .filter(|(file, _)| names.iter().any(|name| name == stem(file)));
    chosen.map(|(file, text)| {
        // The folder of the copy lies a level higher.
        let text = text.replacen("../../schemas/", "../schemas/", 1);
        (format!("policies.d/{file}"), Cow::Owned(text))
    })
}

fn stem(file: &str) -> &str {
    file.trim_end_matches(".yaml")
}
