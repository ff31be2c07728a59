//! Makes the action that a route and its request are, and the actions that no route has.

use std::sync::Arc;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::connector::Connector;
use crate::connector::model::naming::Name;
use crate::connector::model::native::HeaderUse;
use crate::connector::model::route::Route;
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::Unreadable;
use crate::model::action::{Action, Parameter, Parameters, Risk};
use crate::model::target::Authority;
use crate::model::value::Value;

impl Candidates {
    /// Makes the action of a request that matches no route, or of one operation of it.
    pub(crate) fn unknown(&self, operation: Option<&str>) -> Action {
        let connector = &self.place.connector;
        let mut params = Parameters::new();
        let path = self.place.path.decoded();
        let told = [
            ("method", Some(self.method.as_str())),
            ("path", Some(&*path)),
            ("part", operation),
        ];
        for (name, value) in told {
            let Some(value) = value else { continue };
            params.set(Parameter {
                name: name.into(),
                value: Value::text(value),
                secret: name == "path" && self.hidden_path().is_some(),
            });
        }
        Action {
            name: connector.fallback.clone(),
            risk: connector.fallback_risk,
            special: true,
            response_secret: false,
            params,
            summary: None,
            template: None,
        }
    }
}

impl Connector {
    pub(crate) fn action(
        &self,
        route: &Route,
        request: &Request<'_>,
    ) -> Result<Action, Unreadable> {
        let mut params = Parameters::with_capacity(route.params.len());
        for param in &route.params {
            let value = match &param.computed {
                Some(program) => Some(param.compute(program, &params)?),
                None => param.read(request)?,
            };
            if let Some(value) = value {
                params.set(Parameter {
                    name: Arc::clone(&param.name),
                    value,
                    secret: param.secret,
                });
            }
        }
        self.native_headers(request, &mut params)?;
        let (name, raw, template) = match &route.name {
            Name::Fixed(name) => (name.clone(), String::new(), None),
            Name::Made(making) => {
                let own = |name: &str| self.fixed.iter().any(|known| known.as_str() == name);
                let gateway = [&self.fallback, &self.reply, &self.probe, &self.tunnel];
                let taken =
                    |name: &str| own(name) || gateway.iter().any(|known| known.as_str() == name);
                let made = making.make(&params, taken)?;
                (made.name, made.raw, Some(making.template.clone()))
            }
        };
        let summary = route.summary.as_ref().map(|summary| summary.fill(&params));
        Ok(Action {
            name,
            risk: route.risk.of(&raw),
            special: route.options.is_special(),
            response_secret: !route.options.response_secrets.is_empty(),
            params,
            summary,
            template,
        })
    }

    /// Adds what the native override knows headers to say.
    fn native_headers(
        &self,
        request: &Request<'_>,
        params: &mut Parameters,
    ) -> Result<(), Unreadable> {
        let Some(native) = self.native else {
            return Ok(());
        };
        let mut members: Vec<(&str, Vec<String>)> = Vec::new();
        for header in request.headers.keys() {
            let known = native.header(header.as_str());
            let (HeaderUse::Parameter(name) | HeaderUse::Member(name)) = known else {
                continue;
            };
            let text = request.header(header)?.unwrap_or_default();
            if known == HeaderUse::Parameter(name) {
                params.set(Parameter {
                    name: name.into(),
                    value: Value::text(text),
                    secret: false,
                });
                continue;
            }
            let member = format!("{header}={text}");
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, texts)) => texts.push(member),
                None => members.push((name, vec![member])),
            }
        }
        for (name, mut texts) in members {
            // In one order, whatever the agent's was.
            texts.sort_unstable();
            params.set(Parameter {
                name: name.into(),
                value: Value::list(texts.iter().map(|text| Value::text(text)).collect()),
                secret: false,
            });
        }
        Ok(())
    }

    /// Makes the action of a tunnel to a host whose TLS is passed through: nothing else is known of what it carries.
    pub(crate) fn opening(&self, authority: &Authority, captures: &[(&Arc<str>, &str)]) -> Action {
        let mut params = Parameters::new();
        let host = [("host".into(), authority.to_string())];
        let captured = captures
            .iter()
            .map(|(name, value)| (Arc::clone(name), (*value).to_owned()));
        for (name, value) in host.into_iter().chain(captured) {
            params.set(Parameter {
                name,
                value: Value::text(&value),
                secret: false,
            });
        }
        Action {
            name: self.tunnel.clone(),
            risk: self.fallback_risk,
            special: true,
            response_secret: false,
            params,
            summary: None,
            template: None,
        }
    }

    /// Makes the action of an answer to a request of the upstream.
    pub(crate) fn reply(&self) -> Action {
        Action {
            name: self.reply.clone(),
            risk: Risk::Low,
            special: false,
            response_secret: false,
            params: Parameters::new(),
            summary: None,
            template: None,
        }
    }

    /// Makes the action of a push that only asks whether it may push.
    pub(crate) fn probe(&self) -> Action {
        Action {
            name: self.probe.clone(),
            ..self.reply()
        }
    }
}
