//! A parameter as written to one that can be read: sources, type, pattern.

use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::super::body::Paths;
use super::super::manifest::{OneOrMany, ParamEntry};
use super::super::pattern::parameter_name;
use super::{Origin, Param};
use crate::model::value::ValueType;

/// Bytes that one compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// What a problem in a parameter says, and what to do.
type Problem = (String, &'static str);

/// Compiled patterns of all connectors, each once.
#[derive(Debug, Default)]
pub(in crate::connector) struct Patterns(HashMap<String, Regex>);

impl Patterns {
    fn compile(&mut self, text: &str) -> Result<Regex, Problem> {
        if let Some(known) = self.0.get(text) {
            return Ok(known.clone());
        }
        let anchored = format!(r"\A(?:{text})\z");
        // The text alone must be an expression too: `a)|(b` would escape the anchors.
        let alone = RegexBuilder::new(text).size_limit(PATTERN_SIZE).build();
        let regex = alone.and_then(|_| {
            RegexBuilder::new(&anchored)
                .size_limit(PATTERN_SIZE)
                .build()
        });
        let regex = regex.map_err(|error| {
            let last = error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            (
                format!("`{text}` is not a pattern: {last}"),
                "patterns are regular expressions of the `regex` crate, anchored by themselves",
            )
        })?;
        self.0.insert(text.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl Param {
    /// Compiles one entry of `params:`; `captured` are the names of the route's labels.
    pub(in crate::connector) fn compile(
        name: &str,
        entry: &ParamEntry,
        captured: &[&str],
        paths: &mut Paths,
        patterns: &mut Patterns,
    ) -> Result<Self, Problem> {
        let entry = &entry.0;
        let name = parameter_name(name).map_err(|message| (message, "rename it"))?;
        let mut origins = origins(&name, entry.from.as_ref(), captured, paths)?;
        for place in entry.merge.iter().flatten() {
            origins.push(merged(place, &origins, paths)?);
        }
        let in_body = |origin: &Origin| match origin {
            Origin::Body(path) => Some(*path),
            Origin::Captured(_) | Origin::Query(_) | Origin::QueryList(_) | Origin::Header(_) => {
                None
            }
        };
        let list = origins.iter().any(|origin| match origin {
            Origin::Body(path) => paths.get(*path).is_some_and(|path| path.list),
            Origin::QueryList(_) => true,
            Origin::Captured(_) | Origin::Query(_) | Origin::Header(_) => false,
        });
        let spelled = entry.pattern.is_some() || entry.fold.is_some();
        let text_only = spelled || origins.iter().all(|origin| in_body(origin).is_none());
        let value_type = entry.value_type.or(text_only.then_some(ValueType::String));
        if spelled && value_type != Some(ValueType::String) {
            return Err((
                format!("parameter `{name}` has a pattern or fold, but is not a string"),
                "drop one of the two",
            ));
        }
        let pattern = entry
            .pattern
            .as_deref()
            .map(|text| patterns.compile(text))
            .transpose()?;
        let (required, fold, secret) = (entry.required, entry.fold, entry.secret);
        Ok(Self {
            name,
            origins,
            value_type,
            list,
            required,
            pattern,
            fold,
            secret,
        })
    }

    /// Makes the parameter that a captured label is by itself.
    pub(in crate::connector) fn captured(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            origins: vec![Origin::Captured(Arc::clone(name))],
            value_type: Some(ValueType::String),
            list: false,
            required: false,
            pattern: None,
            fold: None,
            secret: false,
        }
    }
}

fn origins(
    name: &Arc<str>,
    from: Option<&OneOrMany>,
    captured: &[&str],
    paths: &mut Paths,
) -> Result<Vec<Origin>, Problem> {
    let Some(OneOrMany(sources)) = from else {
        if captured.contains(&&**name) {
            return Ok(vec![Origin::Captured(Arc::clone(name))]);
        }
        return Err((
            format!("parameter `{name}` has no `from`, and nothing captures `{name}`"),
            "say where it is read: `$.key`, `query:key`, `header:X-Key`, or write `{name}` into `match`",
        ));
    };
    if sources.is_empty() {
        return Err((
            format!("parameter `{name}` has an empty list of sources"),
            "say where it is read, as in `$.key`",
        ));
    }
    sources
        .iter()
        .map(|source| origin(source, captured, paths))
        .collect()
}

fn origin(source: &str, captured: &[&str], paths: &mut Paths) -> Result<Origin, Problem> {
    if source.starts_with('$') {
        return paths
            .intern(source)
            .map(Origin::Body)
            .map_err(|message| (message, "write it as in `$.fields.project.key`"));
    }
    match source.split_once(':') {
        Some(("query", key)) if !key.is_empty() => Ok(match key.strip_suffix("[*]") {
            Some(key) => Origin::QueryList(key.into()),
            None => Origin::Query(key.into()),
        }),
        Some(("header", name)) => {
            let bad = |_| {
                (
                    format!("`{name}` is not a header name"),
                    "write it as in `header:Stripe-Account`",
                )
            };
            name.parse().map(Origin::Header).map_err(bad)
        }
        Some(("path", name)) if captured.contains(&name) => Ok(Origin::Captured(name.into())),
        Some(("path", name)) => Err((
            format!("nothing captures `{name}`"),
            "use a name that `match` or the domain has in braces",
        )),
        Some(("form" | "arg", _)) => Err((
            format!("source `{source}` is not supported by this version"),
            "use `$.…`, `query:`, `header:` or `path:`",
        )),
        _ => Err((
            format!("`{source}` is not a source"),
            "use `$.key`, `query:key`, `header:X-Key` or `path:name`",
        )),
    }
}

/// The same name in another place.
fn merged(place: &str, origins: &[Origin], paths: &Paths) -> Result<Origin, Problem> {
    if place != "query" {
        return Err((
            format!("`merge: [{place}]` is not supported by this version"),
            "only `merge: [query]` is",
        ));
    }
    let key = origins.iter().find_map(|origin| match origin {
        Origin::Body(path) => paths.get(*path)?.last_key.clone(),
        Origin::Captured(_) | Origin::Query(_) | Origin::QueryList(_) | Origin::Header(_) => None,
    });
    let list = origins.iter().any(|origin| match origin {
        Origin::Body(path) => paths.get(*path).is_some_and(|path| path.list),
        Origin::Captured(_) | Origin::Query(_) | Origin::QueryList(_) | Origin::Header(_) => false,
    });
    let key = key.ok_or_else(|| {
        (
            "`merge: [query]` needs a source in the body that ends in a key".to_owned(),
            "list the places under `from`",
        )
    })?;
    Ok(if list {
        Origin::QueryList(key)
    } else {
        Origin::Query(key)
    })
}
