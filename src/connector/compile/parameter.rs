//! Compiles an entry of `params:` into a parameter that can be read: its sources, type and pattern.

mod sources;

use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::config::yaml::At;
use crate::connector::compile::paths::Paths;
use crate::connector::manifest::entry::{self, ParamEntry};
use crate::connector::model::name_path::NamePath;
use crate::connector::model::native::NativeSource;
use crate::connector::model::operation::{Fact, OperationKind};
use crate::connector::model::parameter::{Fold, Origin, Param};
use crate::connector::model::pattern::parameter_name;
use crate::model::value::ValueType;

/// Bytes that one compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// What a problem in a parameter says, and what to do.
type Problem = (String, &'static str);

/// Compiled patterns of all connectors, each once: a copy of one would have its own scratch memory.
#[derive(Debug, Default)]
pub(crate) struct Patterns(HashMap<String, Arc<Regex>>);

impl Patterns {
    fn compile(&mut self, text: &str) -> Result<Arc<Regex>, Problem> {
        if let Some(known) = self.0.get(text) {
            return Ok(Arc::clone(known));
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
        let regex = Arc::new(regex);
        self.0.insert(text.to_owned(), Arc::clone(&regex));
        Ok(regex)
    }
}

/// What the sources of a route's parameters can name.
pub(crate) struct Readable<'a> {
    /// Labels of the route.
    pub(crate) captured: &'a [&'a str],
    /// What the route's operations are: where `arg:` leads.
    pub(crate) kind: OperationKind,
    /// Where a parameter that is read in the body may stand too, unless it says.
    pub(crate) merge: &'a [At<String>],
    pub(crate) paths: &'a mut Paths,
    pub(crate) patterns: &'a mut Patterns,
}

impl Param {
    /// Compiles one entry of `params:`.
    pub(crate) fn compile(
        name: &str,
        entry: &ParamEntry,
        readable: &mut Readable<'_>,
    ) -> Result<Self, Problem> {
        let entry = &entry.0;
        let name = parameter_name(name).map_err(|error| (error.to_string(), "rename it"))?;
        let mut origins = Vec::new();
        if entry.cel.is_none() {
            origins = readable.origins(&name, entry.from.as_ref())?;
            readable.merge(&mut origins, entry.merge.as_deref())?;
        } else if entry.from.is_some() || entry.merge.is_some() || entry.required {
            return Err((
                format!("parameter `{name}` is computed, and says where it is read too"),
                "drop `cel`, or `from`, `merge` and `required`",
            ));
        }
        let paths = &*readable.paths;
        let list = origins.iter().any(|origin| origin.is_list(paths));
        let spelled = entry.pattern.is_some() || entry.fold.is_some();
        let text_only = spelled
            || (entry.cel.is_none() && origins.iter().all(|origin| origin.body_path().is_none()));
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
            .map(|text| readable.patterns.compile(text))
            .transpose()?;
        let (required, fold, secret) = (entry.required, entry.fold.map(folded), entry.secret);
        Ok(Self {
            name,
            origins: origins.into(),
            value_type,
            list,
            required,
            pattern,
            fold,
            secret,
            computed: None,
        })
    }

    /// Makes the parameter that an override reads, and that a form holds under a name besides.
    pub(crate) fn native(source: NativeSource, also: Option<&str>) -> Self {
        let mut origins = vec![Origin::Native(source)];
        if let Some(name) = also {
            let name = NamePath::plain(name);
            origins.extend([Origin::Form(name.clone()), Origin::Query(name)]);
        }
        Self {
            origins: origins.into(),
            ..Self::captured(&source.label.into())
        }
    }

    /// Makes the parameter that a fact of an operation is by itself.
    pub(crate) fn of_fact(name: &str, fact: Fact) -> Self {
        Self {
            origins: [Origin::Fact(fact)].into(),
            value_type: Some(fact.value_type()),
            ..Self::captured(&name.into())
        }
    }

    /// Makes the parameter that a captured label is by itself.
    pub(crate) fn captured(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            origins: [Origin::Captured(Arc::clone(name))].into(),
            value_type: Some(ValueType::String),
            list: false,
            required: false,
            pattern: None,
            fold: None,
            secret: false,
            computed: None,
        }
    }
}

fn folded(written: entry::Fold) -> Fold {
    match written {
        entry::Fold::Lower => Fold::Lower,
        entry::Fold::Upper => Fold::Upper,
    }
}
