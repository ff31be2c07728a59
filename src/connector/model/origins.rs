//! Tells where the parameters of a route are read, in the words of a connector file.

use serde::Serialize;

use crate::connector::model::body_path::PathId;
use crate::connector::model::connector::Connector;
use crate::connector::model::group::Group;
use crate::connector::model::operation::Fact;
use crate::connector::model::parameter::{Origin, Param};
use crate::connector::model::plan::{Node, Plan};
use crate::model::value::ValueType;

/// A parameter of a route, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParamOrigins {
    /// As policies name it, after `params.`.
    pub name: String,
    /// Where it is read, the first place first: `body $.title`, `query project`, `path {item}`.
    pub from: Vec<String>,
    /// `string`, `int`, `number` or `bool`; `None` where any is taken.
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    /// A request without it is refused.
    pub required: bool,
    /// It is hashed in records and hidden in explanations.
    pub secret: bool,
}

impl Connector {
    /// Returns the parameters of each route, in the order of [`Connector::routes`].
    #[must_use]
    pub fn params(&self) -> Vec<Vec<ParamOrigins>> {
        let mut all = vec![Vec::new(); self.routes.len()];
        for group in &self.groups {
            for number in group.table.routes() {
                if let Some(params) = all.get_mut(number as usize) {
                    *params = self.params_of(group, number);
                }
            }
        }
        all
    }

    pub(crate) fn params_of(&self, group: &Group, number: u32) -> Vec<ParamOrigins> {
        let route = self.route(number);
        let params = route.map_or(&[][..], |route| &route.params);
        params.iter().map(|param| view(param, group)).collect()
    }
}

fn view(param: &Param, group: &Group) -> ParamOrigins {
    let from = param
        .origins
        .iter()
        .map(|origin| origin_text(origin, group));
    let computed = param
        .computed
        .is_some()
        .then(|| "other parameters".to_owned());
    ParamOrigins {
        name: param.name.to_string(),
        from: from.chain(computed).collect(),
        value_type: param.value_type,
        required: param.required,
        secret: param.secret,
    }
}

fn origin_text(origin: &Origin, group: &Group) -> String {
    match origin {
        Origin::Captured(label) => format!("path {{{label}}}"),
        Origin::Query(name) => format!("query {name}"),
        Origin::Header(name) => format!("header {name}"),
        Origin::Form(name) => format!("form {name}"),
        Origin::Body(id) => {
            let path = group.plan.as_ref().and_then(|plan| plan.text(*id));
            path.map_or_else(|| "body".to_owned(), |path| format!("body {path}"))
        }
        Origin::Fact(fact) => fact_text(*fact).to_owned(),
        Origin::Native(_) => "the connector's own reader".to_owned(),
    }
}

fn fact_text(fact: Fact) -> &'static str {
    match fact {
        Fact::GraphqlType => "type of the GraphQL operation",
        Fact::GraphqlField => "root field of the GraphQL operation",
        Fact::GraphqlOperation => "name of the GraphQL operation",
        Fact::GraphqlSelections => "fields of the GraphQL operation",
        Fact::RpcMethod => "method of the message",
        Fact::GitRef => "ref of the push",
        Fact::GitForce => "whether the push may drop commits",
        Fact::GitDelete => "whether the push takes the ref away",
    }
}

impl Plan {
    /// Returns a path that it reads, as a `JSONPath`.
    fn text(&self, id: PathId) -> Option<String> {
        let slot = self.ids.iter().position(|known| *known == id)?;
        if let Some(tree) = self.trees.iter().find(|tree| tree.slot == slot) {
            return Some(tree.query.to_string());
        }
        self.root.text(slot, "$")
    }
}

impl Node {
    fn text(&self, slot: usize, here: &str) -> Option<String> {
        if self.values.contains(&slot) || self.presence.contains(&slot) {
            return Some(here.to_owned());
        }
        let name = |name: &str| {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if plain {
                format!("{here}.{name}")
            } else {
                format!("{here}[{name:?}]")
            }
        };
        let names = self.names.iter();
        let mut names = names.map(|(key, node)| (name(key), node));
        let indices = self.indices.iter();
        let mut indices = indices.map(|(index, node)| (format!("{here}[{index}]"), node));
        let items = self
            .items
            .as_deref()
            .map(|node| (format!("{here}[*]"), node));
        let found = names.find_map(|(here, node)| node.text(slot, &here));
        found
            .or_else(|| indices.find_map(|(here, node)| node.text(slot, &here)))
            .or_else(|| items.and_then(|(here, node)| node.text(slot, &here)))
    }
}
