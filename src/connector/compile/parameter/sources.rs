//! Finds where in a request a parameter is read: what `from:` and `merge:` list, a label, or a hole of a made name.

use std::sync::Arc;

use crate::connector::compile::parameter::{Problem, Readable};
use crate::connector::compile::paths::Paths;
use crate::connector::manifest::entry::OneOrMany;
use crate::connector::model::body_path::PathId;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::naming::parameter_of;
use crate::connector::model::operation::{Fact, OperationKind};
use crate::connector::model::parameter::{Origin, Param};
use crate::connector::model::pattern::parameter_name;
use crate::model::value::ValueType;

impl Readable<'_> {
    /// Compiles `from:`, or finds the label of the same name.
    pub(crate) fn origins(
        &mut self,
        name: &Arc<str>,
        from: Option<&OneOrMany>,
    ) -> Result<Vec<Origin>, Problem> {
        let Some(OneOrMany(sources)) = from else {
            if self.captured.contains(&&**name) {
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
        sources.iter().map(|source| self.origin(source)).collect()
    }

    fn origin(&mut self, source: &str) -> Result<Origin, Problem> {
        if source.starts_with('$') {
            if self.kind == OperationKind::Graphql {
                return Err((
                    format!("`{source}` reads the body, and the route is for GraphQL fields"),
                    "read their arguments, as in `arg:input.title`",
                ));
            }
            return self
                .paths
                .intern(source)
                .map(Origin::Body)
                .map_err(|error| (error.to_string(), "write it as in `$.fields.project.key`"));
        }
        let named = |key: &str| {
            NamePath::parse(key)
                .map_err(|error| (error.to_string(), "write it as in `form:card[number]`"))
        };
        match source.split_once(':') {
            Some(("query", key)) => named(key).map(Origin::Query),
            Some(("form", key)) => named(key).map(Origin::Form),
            Some(("header", name)) => {
                let bad = |_| {
                    (
                        format!("`{name}` is not a header name"),
                        "write it as in `header:Stripe-Account`",
                    )
                };
                name.parse().map(Origin::Header).map_err(bad)
            }
            Some(("path", name)) if self.captured.contains(&name) => {
                Ok(Origin::Captured(name.into()))
            }
            Some(("path", name)) => Err((
                format!("nothing captures `{name}`"),
                "use a name that `match` or the domain has in braces",
            )),
            Some(("arg", path)) => self.argument(path).map(Origin::Body),
            _ => Err((
                format!("`{source}` is not a source"),
                "use `$.key`, `form:key`, `query:key`, `header:X-Key`, `path:name` or `arg:name`",
            )),
        }
    }

    /// Arguments of a GraphQL field are a document of their own; those of a JSON-RPC call lie in its message.
    fn argument(&mut self, path: &str) -> Result<PathId, Problem> {
        let root = match self.kind {
            OperationKind::Graphql => "$",
            OperationKind::Rpc => "$.params",
            OperationKind::Whole | OperationKind::Git | OperationKind::Batch => {
                return Err((
                    format!("`arg:{path}` is for routes with `graphql` or `rpc`"),
                    "read the body with `$.key` or `form:key`",
                ));
            }
        };
        let dot = if path.starts_with('[') { "" } else { "." };
        let help = "write it as in `arg:input.title`";
        let id = self
            .paths
            .intern(&format!("{root}{dot}{path}"))
            .map_err(|error| (error.to_string(), help))?;
        let plain = self.paths.get(id).is_some_and(|path| path.is_plain());
        if self.kind == OperationKind::Graphql && !plain {
            return Err((format!("`arg:{path}` searches arguments"), help));
        }
        Ok(id)
    }

    /// Makes the parameter that a hole in a route's name reads by itself; `None` where it names none.
    pub(crate) fn hole(&mut self, hole: &str) -> Result<Option<Param>, Problem> {
        let origin = match (Fact::parse(hole), self.kind) {
            (Some(field), kind)
                if field.kind() == kind
                    && !field.is_list()
                    && field.value_type() == ValueType::String =>
            {
                Origin::Fact(field)
            }
            (Some(_), _) => return Ok(None),
            (None, OperationKind::Rpc) => match hole.strip_prefix("rpc.params.") {
                Some(path) => Origin::Body(self.argument(path)?),
                None => return Ok(None),
            },
            (None, OperationKind::Graphql) => match hole.strip_prefix("graphql.args.") {
                Some(path) => Origin::Body(self.argument(path)?),
                None => return Ok(None),
            },
            (None, OperationKind::Whole | OperationKind::Git | OperationKind::Batch) => {
                return Ok(None);
            }
        };
        let name = parameter_name(parameter_of(hole));
        Ok(Some(Param {
            name: name.map_err(|error| (error.to_string(), "rename it"))?,
            origins: [origin].into(),
            value_type: Some(ValueType::String),
            list: false,
            required: true,
            pattern: None,
            fold: None,
            secret: false,
            computed: None,
        }))
    }

    /// Adds the other places that the parameter says, or the route does, for a parameter that is read in the body.
    pub(crate) fn merge(
        &self,
        origins: &mut Vec<Origin>,
        own: Option<&[String]>,
    ) -> Result<(), Problem> {
        let key = origins.iter().find_map(|origin| match origin {
            Origin::Body(path) => self.paths.get(*path)?.last_key.clone(),
            Origin::Form(name) => Some(name.to_string().trim_end_matches("[*]").into()),
            Origin::Captured(_)
            | Origin::Query(_)
            | Origin::Header(_)
            | Origin::Fact(_)
            | Origin::Native(_) => None,
        });
        let places: Vec<&str> = match own {
            Some(own) => own.iter().map(String::as_str).collect(),
            None => self
                .merge
                .iter()
                .map(|place| place.value.as_str())
                .filter(|place| ["query", "form"].contains(place))
                .collect(),
        };
        if places.is_empty() {
            return Ok(());
        }
        let Some(key) = key else {
            return match own {
                Some(_) => Err((
                    "`merge` needs a source in the body that ends in a key".to_owned(),
                    "list the places under `from`",
                )),
                None => Ok(()),
            };
        };
        let list = origins.iter().any(|origin| origin.is_list(self.paths));
        let name = NamePath::parse(&if list {
            format!("{key}[*]")
        } else {
            key.into_string()
        })
        .map_err(|error| (error.to_string(), "list the places under `from`"))?;
        for place in places {
            let origin = match place {
                "query" => Origin::Query(name.clone()),
                "form" => Origin::Form(name.clone()),
                other => {
                    return Err((
                        format!("`{}` cannot be merged", other.escape_debug()),
                        "`merge` takes `query` and `form`",
                    ));
                }
            };
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Ok(())
    }
}

impl Origin {
    pub(crate) fn is_list(&self, paths: &Paths) -> bool {
        match self {
            Self::Body(path) => paths.get(*path).is_some_and(|path| path.list),
            Self::Query(name) | Self::Form(name) => name.is_list(),
            Self::Fact(field) => field.is_list(),
            Self::Captured(_) | Self::Header(_) | Self::Native(_) => false,
        }
    }
}
