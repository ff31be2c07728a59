//! Compiles what a connector file says once for routes that do not say it themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::yaml::At;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::parameter::Readable;
use crate::connector::compile::{Scope, answers, listed};
use crate::connector::manifest::Manifest;
use crate::connector::manifest::entry::{OneOrMany, ParamEntry};
use crate::connector::manifest::route::{Cookies, LimitsEntry, RouteEntry};
use crate::connector::model::batch::Batch;
use crate::connector::model::format::Format;
use crate::connector::model::matches::{ANY_METHOD, Matches};
use crate::connector::model::operation::OperationKind;
use crate::connector::model::options::{Passes, RouteOptions};
use crate::connector::model::parameter::Param;
use crate::model::action::Risk;

/// For routes that do not say.
#[derive(Debug)]
pub(crate) struct Defaults<'a> {
    /// Default risk of each HTTP method.
    pub(crate) risk: BTreeMap<&'a str, Risk>,
    pub(crate) formats: Arc<[Format]>,
    pub(crate) merge: &'a [At<String>],
    /// Of captured labels, by name.
    pub(crate) params: BTreeMap<&'a str, &'a At<ParamEntry>>,
    options: Arc<RouteOptions>,
}

impl<'a> Defaults<'a> {
    pub(crate) fn compile(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Self {
        let mut risk = BTreeMap::new();
        for file in layers.upward() {
            scope.source = &file.source;
            check_risks(&file.manifest, scope);
            let said = file.manifest.defaults.risk.iter();
            risk.extend(said.map(|(method, risk)| (method.as_str(), risk.value)));
        }
        let params = label_params(layers, scope);
        let body = layers.pick(scope, |manifest| manifest.body.as_ref());
        let formats = match body {
            Some(written) => body_formats(written, scope).into(),
            None => [Format::json()].into(),
        };
        let merge = layers.pick(scope, |manifest| listed(&manifest.merge));
        check_merge(merge.unwrap_or_default(), scope);
        let limits = layers.pick(scope, |manifest| manifest.limits.as_ref());
        let pick = |says: fn(&Manifest) -> Option<bool>, scope: &mut Scope<'a>| {
            layers.pick(scope, says).unwrap_or(false)
        };
        let cookies = layers.pick(scope, |manifest| manifest.cookies);
        let mut options = RouteOptions {
            no_credential: pick(|manifest| manifest.no_credential, scope),
            passes: Passes {
                range: pick(|manifest| manifest.range, scope),
                cookies: cookies == Some(Cookies::Pass),
            },
            ..RouteOptions::default()
        };
        limit(&mut options, limits, scope);
        Self {
            risk,
            formats,
            merge: merge.unwrap_or_default(),
            params,
            options: options.into(),
        }
    }

    /// Returns what holds where no route says anything.
    pub(crate) fn unsaid(&self) -> Arc<RouteOptions> {
        Arc::clone(&self.options)
    }

    /// Returns what holds for a route.
    pub(crate) fn options(
        &self,
        entry: &RouteEntry,
        batch: Option<&Batch>,
        scope: &mut Scope<'_>,
    ) -> Arc<RouteOptions> {
        let own = &*self.options;
        let answer = answers::params(entry, scope);
        let mut options = RouteOptions {
            no_credential: entry.no_credential.unwrap_or(own.no_credential),
            websocket: entry.websocket,
            undecoded: matches!(batch, Some(Batch::Undecoded)),
            passes: Passes {
                range: entry.range.unwrap_or(own.passes.range),
                cookies: entry
                    .cookies
                    .map_or(own.passes.cookies, |says| says == Cookies::Pass),
            },
            response_secrets: answers::response_secrets(entry, scope),
            response_secrets_stated: entry.response_secrets.is_some(),
            answer: if answer.is_empty() {
                Arc::clone(&own.answer)
            } else {
                answer.into()
            },
            body_limit: own.body_limit,
            first_byte: own.first_byte,
        };
        limit(&mut options, entry.limits.as_ref(), scope);
        if options == *own {
            return Arc::clone(&self.options);
        }
        options.into()
    }
}

/// Reads `defaults.params` of all layers.
fn label_params<'a>(
    layers: &Layers<'a>,
    scope: &mut Scope<'a>,
) -> BTreeMap<&'a str, &'a At<ParamEntry>> {
    let mut params = BTreeMap::new();
    for file in layers.upward() {
        scope.source = &file.source;
        for (name, written) in &file.manifest.defaults.params.0 {
            let mut readable = Readable {
                captured: &[name],
                kind: OperationKind::Whole,
                merge: &[],
                paths: &mut scope.paths,
                patterns: scope.patterns,
            };
            match Param::compile(name, &written.value, &mut readable) {
                Ok(param) if param.reads_label(name) => {
                    params.insert(name.as_str(), written);
                }
                Ok(_) => {
                    let message = format!("`{name}` is not read from a captured label");
                    let help = "under `defaults` say how a label is spelled, and what else is read on the route";
                    scope.error("defaults", message, written, help);
                }
                Err((message, help)) => scope.error("defaults", message, written, help),
            }
        }
    }
    params
}

fn limit(options: &mut RouteOptions, limits: Option<&LimitsEntry>, scope: &mut Scope<'_>) {
    let Some(limits) = limits else { return };
    if let Some(body) = &limits.body {
        if body.value.0 == 0 {
            scope.error("limits", "a limit is at least 1 byte", body, "as in `1MiB`");
        }
        options.body_limit = Some(body.value.0);
    }
    if let Some(first_byte) = &limits.first_byte {
        if first_byte.value.0.is_zero() {
            let message = "this time is over before it begins";
            scope.error("limits", message, first_byte, "as in `30s` or `10m`");
        }
        options.first_byte = Some(first_byte.value.0);
    }
}

/// Compiles `body:` into the formats that it lists.
pub(crate) fn body_formats(written: &At<OneOrMany>, scope: &mut Scope<'_>) -> Vec<Format> {
    let names = &written.value.0;
    if names.as_slice() == ["none"] {
        return Vec::new();
    }
    let help = "list `json`, `form`, `multipart`, a media type that is JSON (`application/merge-patch+json`), or say `none`";
    if names.is_empty() {
        scope.error("body", "`body` is an empty list", written, help);
    }
    let mut formats = Vec::new();
    let mut is_good = !names.is_empty();
    for name in names {
        let format = scope.good(Format::parse(name), "body", written, help);
        is_good &= format.is_some();
        if format
            .as_ref()
            .is_some_and(|format| formats.contains(format))
        {
            scope.error("body", format!("`{name}` is listed twice"), written, help);
        }
        formats.extend(format);
    }
    // Else whatever is read of a body would be told as a problem of its own.
    if is_good {
        formats
    } else {
        vec![Format::json()]
    }
}

/// Tells what cannot be merged, where it stands; `Param::compile` leaves it out.
pub(crate) fn check_merge(places: &[At<String>], scope: &mut Scope<'_>) {
    for place in places {
        if !["query", "form"].contains(&place.value.as_str()) {
            let message = format!("`{}` cannot be merged", place.value.escape_debug());
            scope.error("merge", message, place, "`merge` takes `query` and `form`");
        }
    }
}

/// Checks the keys of `defaults.risk`.
pub(crate) fn check_risks(manifest: &Manifest, scope: &mut Scope<'_>) {
    for (method, risk) in &manifest.defaults.risk {
        if Matches::parse(&format!("{method} /")).is_err() || method == ANY_METHOD {
            scope.error(
                "defaults",
                format!("`{}` is not a method", method.escape_debug()),
                risk,
                "methods are upper-case",
            );
        }
    }
}
