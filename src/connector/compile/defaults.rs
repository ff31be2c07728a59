//! What a connector file says once for routes that do not say it themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::yaml::At;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::{Scope, answers, bodies, listed, params, risks};
use crate::connector::manifest::Manifest;
use crate::connector::manifest::route::{Cookies, LimitsEntry, RouteEntry};
use crate::connector::model::options::{Passes, RouteTerms};
use crate::connector::read::dialect::Format;
use crate::connector::read::members::Each;
use crate::model::action::Risk;

/// For routes that do not say.
#[derive(Debug)]
pub(crate) struct Defaults<'a> {
    /// By method.
    pub(crate) risk: BTreeMap<&'a str, Risk>,
    pub(crate) formats: Arc<[Format]>,
    pub(crate) merge: &'a [At<String>],
    terms: Arc<RouteTerms>,
}

impl<'a> Defaults<'a> {
    pub(crate) fn compile(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Self {
        let mut risk = BTreeMap::new();
        for file in layers.upward() {
            scope.source = &file.source;
            risks::check_defaults(&file.manifest, scope);
            let said = file.manifest.defaults.risk.iter();
            risk.extend(said.map(|(method, risk)| (method.as_str(), risk.value)));
        }
        let body = layers.pick(scope, |manifest| manifest.body.as_ref());
        let formats = match body {
            Some(written) => bodies::listed(written, scope).into(),
            None => [Format::json()].into(),
        };
        let merge = layers.pick(scope, |manifest| listed(&manifest.merge));
        params::check_merge(merge.unwrap_or_default(), scope);
        let limits = layers.pick(scope, |manifest| manifest.limits.as_ref());
        let pick = |says: fn(&Manifest) -> Option<bool>, scope: &mut Scope<'a>| {
            layers.pick(scope, says).unwrap_or(false)
        };
        let cookies = layers.pick(scope, |manifest| manifest.cookies);
        let mut terms = RouteTerms {
            no_credential: pick(|manifest| manifest.no_credential, scope),
            passes: Passes {
                range: pick(|manifest| manifest.range, scope),
                cookies: cookies == Some(Cookies::Pass),
            },
            ..RouteTerms::default()
        };
        limit(&mut terms, limits, scope);
        Self {
            risk,
            formats,
            merge: merge.unwrap_or_default(),
            terms: terms.into(),
        }
    }

    /// Returns what holds where no route says anything.
    pub(crate) fn unsaid(&self) -> Arc<RouteTerms> {
        Arc::clone(&self.terms)
    }

    /// Returns what holds for a route.
    pub(crate) fn terms(
        &self,
        entry: &RouteEntry,
        each: Option<&Each>,
        scope: &mut Scope<'_>,
    ) -> Arc<RouteTerms> {
        let own = &*self.terms;
        let answer = answers::params(entry, scope);
        let mut terms = RouteTerms {
            no_credential: entry.no_credential.unwrap_or(own.no_credential),
            websocket: entry.websocket,
            undecoded: matches!(each, Some(Each::Undecoded)),
            passes: Passes {
                range: entry.range.unwrap_or(own.passes.range),
                cookies: entry
                    .cookies
                    .map_or(own.passes.cookies, |says| says == Cookies::Pass),
            },
            issues: answers::issues(entry, scope),
            issues_stated: entry.issues.is_some(),
            answer: if answer.is_empty() {
                Arc::clone(&own.answer)
            } else {
                answer.into()
            },
            body_limit: own.body_limit,
            first_byte: own.first_byte,
        };
        limit(&mut terms, entry.limits.as_ref(), scope);
        if terms == *own {
            return Arc::clone(&self.terms);
        }
        terms.into()
    }
}

fn limit(terms: &mut RouteTerms, limits: Option<&LimitsEntry>, scope: &mut Scope<'_>) {
    let Some(limits) = limits else { return };
    if let Some(body) = &limits.body {
        if body.value.0 == 0 {
            scope.error("limits", "a limit is at least 1 byte", body, "as in `1MiB`");
        }
        terms.body_limit = Some(body.value.0);
    }
    if let Some(first_byte) = &limits.first_byte {
        if first_byte.value.0.is_zero() {
            let message = "this time is over before it begins";
            scope.error("limits", message, first_byte, "as in `30s` or `10m`");
        }
        terms.first_byte = Some(first_byte.value.0);
    }
}
