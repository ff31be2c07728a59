//! Describes what policies may name: a connector's actions, their risks and the shapes of their parameters.

use std::collections::BTreeMap;

use crate::connector::model::connector::Connector;
use crate::connector::model::endpoint::{Endpoint, TlsMode};
use crate::connector::model::naming::Name;
use crate::connector::model::native::HeaderUse;
use crate::connector::model::operation::{Fact, OperationKind};
use crate::connector::model::parameter::{Origin, Param};
use crate::connector::model::route::Route;
use crate::model::action::Risk;
use crate::model::value::ValueType;
use crate::model::vocabulary::{ActionShape, ParamShape, Vocabulary};

impl Connector {
    /// Adds this connector's names.
    pub(crate) fn describe(&self, vocabulary: &mut Vocabulary) {
        vocabulary.connectors.insert(self.id.to_string());
        let text = || ParamShape {
            value_type: Some(ValueType::String),
            list: false,
            one_spelling: true,
            optional: false,
        };
        let method = ("method".to_owned(), text());
        let path = (
            "path".to_owned(),
            ParamShape {
                one_spelling: false,
                ..text()
            },
        );
        let mut params: BTreeMap<_, _> = [method, path].into_iter().collect();
        let has = |kind| self.routes.iter().any(|route| route.kind == kind);
        if has(OperationKind::Graphql) || has(OperationKind::Rpc) || has(OperationKind::Git) {
            let part = ParamShape {
                optional: true,
                ..text()
            };
            params.insert("part".to_owned(), part);
        }
        let unknown = ActionShape {
            risks: [self.fallback_risk].into(),
            special: true,
            response_secret: false,
            params,
        };
        vocabulary.actions.insert(self.fallback.clone(), unknown);
        self.describe_side(vocabulary);
        self.describe_tunnel(vocabulary);
        for route in &self.routes {
            let shape = match &route.name {
                Name::Fixed(name) => vocabulary.actions.entry(name.clone()).or_default(),
                Name::Made(making) => {
                    let template = making.template.clone();
                    vocabulary.templates.entry(template).or_default()
                }
            };
            let first = shape.risks.is_empty();
            shape.risks.extend(route.risk.all());
            shape.special |= route.options.is_special();
            shape.response_secret |= !route.options.response_secrets.is_empty();
            self.join(shape, route, first);
            self.describe_native(shape);
            let Some(name) = route.name.fixed() else {
                continue;
            };
            let old = route.renamed_from.iter();
            vocabulary
                .renamed
                .extend(old.map(|old| (old.clone(), name.clone())));
        }
    }

    /// What comes beside calls and pushes.
    fn describe_side(&self, vocabulary: &mut Vocabulary) {
        let low = || ActionShape {
            risks: [Risk::Low].into(),
            ..ActionShape::default()
        };
        let has = |kind| self.routes.iter().any(|route| route.kind == kind);
        let rpc = has(OperationKind::Rpc).then_some(&self.reply);
        let git = has(OperationKind::Git).then_some(&self.probe);
        for name in rpc.into_iter().chain(git) {
            vocabulary.actions.insert(name.clone(), low());
        }
    }

    fn describe_tunnel(&self, vocabulary: &mut Vocabulary) {
        let through = |endpoint: &&Endpoint| endpoint.tls == TlsMode::Passthrough;
        for endpoint in self.endpoints.iter().filter(through) {
            let tunnel = vocabulary.actions.entry(self.tunnel.clone()).or_default();
            tunnel.special = true;
            tunnel.risks.insert(self.fallback_risk);
            // Hosts are lower-cased before they are looked at.
            let names = endpoint.domain.names().map(|name| (&**name, true));
            for (name, optional) in names.chain([("host", false)]) {
                let shape = ParamShape {
                    value_type: Some(ValueType::String),
                    list: false,
                    one_spelling: true,
                    optional,
                };
                tunnel.params.insert(name.to_owned(), shape);
            }
        }
    }

    /// What the override knows headers to say, of every route.
    fn describe_native(&self, shape: &mut ActionShape) {
        let known = self.native.map(|native| native.header_parameters());
        for header in known.into_iter().flatten() {
            let (HeaderUse::Parameter(name) | HeaderUse::Member(name)) = header else {
                continue;
            };
            let param = ParamShape {
                value_type: Some(ValueType::String),
                list: matches!(header, HeaderUse::Member(_)),
                one_spelling: false,
                optional: true,
            };
            shape.params.entry(name.to_owned()).or_insert(param);
        }
    }

    /// Joins a route's parameters into what other routes of the same action have.
    fn join(&self, shape: &mut ActionShape, route: &Route, first: bool) {
        for (name, known) in &mut shape.params {
            known.optional |= !route.params.iter().any(|param| *param.name == **name);
        }
        for param in &route.params {
            let mut new = param.shape(&self.endpoints, route);
            new.optional |= !first && !shape.params.contains_key(&*param.name);
            let known = shape
                .params
                .entry(param.name.to_string())
                .or_insert_with(|| new.clone());
            if known.value_type != new.value_type {
                known.value_type = None;
            }
            known.list |= new.list;
            known.one_spelling &= new.one_spelling;
            known.optional |= new.optional;
        }
    }
}

impl Param {
    fn shape(&self, endpoints: &[Endpoint], route: &Route) -> ParamShape {
        let own = |name: &str| {
            let host = route.matches.host.iter().flat_map(|host| host.names());
            host.chain(route.matches.path.names())
                .any(|known| **known == *name)
        };
        let by_host = |name: &str| {
            !endpoints.is_empty()
                && endpoints
                    .iter()
                    .all(|endpoint| endpoint.names().any(|known| **known == *name))
        };
        let always = self.origins.iter().any(|origin| match origin {
            Origin::Captured(name) => own(name) || by_host(name),
            Origin::Fact(field) => *field != Fact::GraphqlOperation,
            Origin::Query(_)
            | Origin::Form(_)
            | Origin::Header(_)
            | Origin::Body(_)
            | Origin::Native(_) => false,
        });
        let computed = self.computed.is_some();
        let typed = !matches!(self.value_type, None | Some(ValueType::String));
        // Host labels are lower-cased before they are captured.
        let host = !computed
            && self.origins.iter().all(|origin| match origin {
                Origin::Captured(name) => endpoints
                    .iter()
                    .flat_map(|endpoint| endpoint.domain.names())
                    .any(|known| known == name),
                // Names of fields and methods are what servers look up, letter by letter.
                Origin::Fact(_) => true,
                // Operations are looked up letter by letter too.
                Origin::Native(_) => true,
                Origin::Query(_) | Origin::Form(_) | Origin::Header(_) | Origin::Body(_) => false,
            });
        ParamShape {
            value_type: self.value_type,
            list: self.list,
            one_spelling: typed || host || self.pattern.is_some() || self.fold.is_some(),
            optional: !self.required && !always && !computed,
        }
    }
}
