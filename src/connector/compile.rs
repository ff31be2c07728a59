//! Compiles a connector file, and those below it, into a connector; every problem goes into the report.

pub(crate) mod answers;
pub(crate) mod batch;
pub(crate) mod before;
pub(crate) mod bodies;
pub(crate) mod catalog;
pub(crate) mod computed;
pub(crate) mod condition;
pub(crate) mod defaults;
pub(crate) mod endpoints;
pub(crate) mod errors;
pub(crate) mod group;
pub(crate) mod head;
pub(crate) mod headers;
pub(crate) mod layers;
pub(crate) mod lint;
pub(crate) mod names;
pub(crate) mod operations;
pub(crate) mod overlap;
pub(crate) mod parameter;
pub(crate) mod params;
pub(crate) mod paths;
pub(crate) mod plan;
pub(crate) mod read_ahead;
pub(crate) mod risks;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod shared_params;
pub(crate) mod test_case;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::auth::Scheme;
use crate::config::diagnostic::{Diagnostic, Place, Report, Severity, Source};
use crate::config::yaml::At;
use crate::connector::compile::defaults::Defaults;
use crate::connector::compile::layers::{File, Layers};
use crate::connector::compile::parameter::Patterns;
use crate::connector::compile::paths::Paths;
use crate::connector::compile::shared_params::SharedParams;
use crate::connector::manifest::entry::Auth;
use crate::connector::model::client_credential::BodyPlaces;
use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::ProtocolErrors;
use crate::connector::model::native::Native;
use crate::connector::model::rpc::RpcEnvelope;
use crate::connector::model::secret_paths::SecretPaths;
use crate::model::action::ActionName;

/// What all files share.
pub(crate) struct Common<'a> {
    pub(crate) patterns: Patterns,
    /// Variables for children that the operator lets files set.
    pub(crate) variables: &'a BTreeSet<String>,
    pub(crate) thoroughness: Thoroughness,
}

/// How much is compiled of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thoroughness {
    /// Everything, with tests and warnings.
    Full,
    /// What requests are read by. Tests and warnings of built-in files, which were there before they were embedded, are left out:
    /// they take a quarter of a start, and memory for good.
    Serving,
}

impl Thoroughness {
    /// Returns whether tests and warnings of a file are compiled.
    fn covers(self, source: &Source) -> bool {
        self == Self::Full || !source.built_in
    }
}

/// What compiling a file needs at hand: whose problem it is, and what all files share.
pub(crate) struct Scope<'a> {
    pub(crate) source: &'a Source,
    pub(crate) report: &'a mut Report,
    pub(crate) patterns: &'a mut Patterns,
    variables: &'a BTreeSet<String>,
    pub(crate) id: Arc<str>,
    pub(crate) params: SharedParams,
    pub(crate) paths: Paths,
    /// Where bodies hold credentials.
    pub(crate) client_credentials: BodyPlaces,
    /// What is read of every JSON-RPC message, where some route is for them.
    pub(crate) rpc: Option<RpcEnvelope>,
    /// Reads what no data can say.
    pub(crate) native: Option<Native>,
}

impl<'a> Scope<'a> {
    fn new(own: &'a File, common: &'a mut Common<'_>, report: &'a mut Report) -> Self {
        Self {
            source: &own.source,
            report,
            patterns: &mut common.patterns,
            variables: common.variables,
            id: own.manifest.connector.value.as_str().into(),
            params: SharedParams::default(),
            paths: Paths::default(),
            client_credentials: BodyPlaces::default(),
            rpc: None,
            native: None,
        }
    }

    /// Adds an error at a value.
    pub(crate) fn error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: &At<T>,
        help: &str,
    ) {
        self.report.push(
            Diagnostic::error(code, message)
                .at(at.place(self.source, ""))
                .help(help),
        );
    }

    /// Returns a result's value, or adds its error.
    fn good<V, T, E: std::fmt::Display>(
        &mut self,
        result: Result<V, E>,
        code: &'static str,
        at: &At<T>,
        help: &str,
    ) -> Option<V> {
        result
            .map_err(|error| self.error(code, error.to_string(), at, help))
            .ok()
    }

    fn place<T>(&self, at: &At<T>) -> Place {
        at.place(self.source, "")
    }
}

/// Compiles one file, laid over those that it extends.
#[expect(
    clippy::too_many_lines,
    reason = "it names each part of a connector once"
)]
pub(crate) fn connector<'a>(
    layers: &Layers<'a>,
    common: &'a mut Common<'_>,
    report: &'a mut Report,
) -> Option<Connector> {
    let before = errors(report);
    let own = layers.own()?;
    let is_tested = common.thoroughness.covers(&own.source);
    let id = &own.manifest.connector;
    let mut scope = Scope::new(own, common, report);
    check_id(id, &mut scope)?;
    scope.native = head::native(layers, &mut scope);
    let (schemes, public) = schemes(layers, &mut scope);
    let endpoints = endpoints::compile(layers, &schemes, &mut scope);
    let places = head::places(layers, &schemes, &mut scope);
    let entries = layers.routes(&mut scope);
    let defaults = Defaults::compile(layers, &mut scope);
    let routes = routes::compile(&defaults, &entries, &endpoints, &mut scope);
    let cases = if is_tested {
        test_case::compile(&layers.tested(), &entries, &mut scope)
    } else {
        Vec::new()
    };
    let (groups, routers) = group::compile(&routes, &mut scope);
    let default_headers = head::headers(layers, &mut scope);
    let known = (&default_headers, places.headers.as_slice());
    let header_rules = headers::rules(layers, known, &routes, &mut scope);
    let connector = Connector {
        name: head::name(layers, &mut scope),
        version: head::version(layers, &mut scope),
        docs: head::docs(layers, &mut scope),
        plaintext: layers.pick(&mut scope, |manifest| manifest.http) == Some(true),
        public,
        places,
        client_credentials: std::mem::take(&mut scope.client_credentials),
        schemes,
        oddities: head::oddities(layers, &mut scope),
        errors: head::errors(layers, &mut scope),
        protocol_errors: ProtocolErrors::known(),
        headers: default_headers,
        header_rules,
        method_overrides: head::method_overrides(layers, &mut scope),
        native: scope.native,
        endpoints,
        secret_paths: SecretPaths::of(&groups),
        groups,
        routers,
        fallback_risk: head::fallback_risk(layers, &mut scope),
        unmatched_options: defaults.unsaid(),
        probe: ActionName::parse(&format!("{}.git.probe", id.value)).ok()?,
        tunnel: ActionName::parse(&format!("{}.tunnel.open", id.value)).ok()?,
        fallback: ActionName::parse(&format!("{}.unknown", id.value)).ok()?,
        health: head::health::compile(layers, &mut scope),
        cases,
        rpc: scope.rpc,
        reply: ActionName::parse(&format!("{}.reply", id.value)).ok()?,
        fixed: routes
            .iter()
            .filter_map(|route| route.name.fixed().cloned())
            .collect(),
        routes,
        id: Arc::clone(&scope.id),
    };
    head::health::check(&connector, layers, &mut scope);
    scope.source = &own.source;
    if is_tested {
        lint::check(&connector, &mut scope);
    }
    (errors(scope.report) == before).then_some(connector)
}

/// Returns a list that says something.
fn listed<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

fn errors(report: &Report) -> usize {
    let all = report.diagnostics.iter();
    all.filter(|problem| problem.severity == Severity::Error)
        .count()
}

/// Returns whether a text can be a connector's id: `[a-z][a-z0-9_-]*`, at most 64 long, not a word of the gateway's own.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let good = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    };
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    starts && text.len() <= 64 && text.bytes().all(good) && !["tunnel", "tollgate"].contains(&text)
}

fn check_id(id: &At<String>, scope: &mut Scope<'_>) -> Option<()> {
    if is_id(&id.value) {
        return Some(());
    }
    let message = format!("`{}` cannot be a connector's id", id.value.escape_debug());
    scope.error(
        "connector-id",
        message,
        id,
        "ids are `[a-z][a-z0-9_-]*`, at most 64 long, and not `tunnel` or `tollgate`",
    );
    None
}

/// Returns the auth schemes, the default first, and whether the API is public.
fn schemes<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> (Vec<Scheme>, bool) {
    let help = "list the ways to put a credential on, or write `auth: none` for a public API";
    let Some(auth) = layers.pick(scope, |manifest| manifest.auth.as_ref()) else {
        if let Some(own) = layers.own() {
            let message = "the connector does not say how a credential is put on";
            scope.error("auth", message, &own.manifest.connector, help);
        }
        return (Vec::new(), false);
    };
    let Auth::Schemes(written) = &auth.value else {
        return (Vec::new(), true);
    };
    if written.is_empty() {
        scope.error("auth", "`auth` is an empty list", auth, help);
    }
    let mut schemes: Vec<Scheme> = Vec::new();
    for entry in written {
        let Some(scheme) = Scheme::compile_with(entry, scope.variables, scope.source, scope.report)
        else {
            continue;
        };
        if schemes.iter().any(|known| known.id == scheme.id) {
            scope.error(
                "auth",
                format!("two schemes are called `{}`", scheme.id),
                &entry.id,
                "rename one of them",
            );
        }
        schemes.push(scheme);
    }
    (schemes, false)
}
