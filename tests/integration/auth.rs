//! Auth schemes from outside: YAML and a credential in, headers and query out.

mod apply;
mod compile;
mod mint;
mod placement;
mod signatures;
mod variables;
mod whole;

use tollgate::auth::{Fields, Scheme, SchemeManifest};
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;
use tollgate::model::secret::Secret;

/// Compiles one scheme; problems as `line:column code: message (help)`.
fn compile(text: &str) -> Result<Scheme, String> {
    let source = Source {
        name: "acme.yaml".into(),
        text: text.into(),
        built_in: false,
    };
    let mut report = Report::default();
    let manifest: Option<SchemeManifest> = yaml::read(&source, &mut report);
    let scheme = manifest.and_then(|manifest| Scheme::compile(&manifest, &source, &mut report));
    let lines: Vec<String> = report
        .diagnostics
        .iter()
        .map(|problem| {
            let place = &problem.places[0];
            let help = problem.help.as_deref().unwrap_or("-");
            format!(
                "{}:{} {}: {} ({help})",
                place.line, place.column, problem.code, problem.message
            )
        })
        .collect();
    assert_eq!(
        scheme.is_some(),
        lines.is_empty(),
        "a scheme comes back exactly where there is no problem"
    );
    scheme.ok_or_else(|| lines.join("\n"))
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::from((*value).to_owned())))
        .collect()
}
