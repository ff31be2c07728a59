//! One connector file in, a compiled connector out, or nothing and the problems in the report.

mod bodies;
mod group;
mod head;
mod names;
mod params;
mod parts;
mod pending;
mod risks;
mod routes;
mod sites;

use std::sync::Arc;

use super::Connector;
use super::manifest::{Auth, Manifest};
use super::parameter::Patterns;
use super::rpc::Envelope;
use super::{body::Paths, case, lint};
use crate::config::diagnostic::{Diagnostic, Place, Report, Severity, Source};
use crate::config::yaml::{self, At};
use crate::model::action::{ActionName, Risk};

/// A compiled connector and where its id stands.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) connector: Connector,
    pub(super) place: Place,
}

/// What compiling a file needs at hand: whose problem it is, and what all files share.
pub(super) struct Scope<'a> {
    pub(super) source: &'a Source,
    pub(super) report: &'a mut Report,
    pub(super) patterns: &'a mut Patterns,
    pub(super) id: Arc<str>,
    pub(super) paths: Paths,
    /// What is read of every JSON-RPC message, where some route is for them.
    pub(super) rpc: Option<Envelope>,
}

impl Scope<'_> {
    /// Adds an error at a value.
    pub(super) fn error<T>(
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
    fn good<V, T>(
        &mut self,
        result: Result<V, String>,
        code: &'static str,
        at: &At<T>,
        help: &str,
    ) -> Option<V> {
        result
            .map_err(|message| self.error(code, message, at, help))
            .ok()
    }

    fn place<T>(&self, at: &At<T>) -> Place {
        at.place(self.source, "")
    }
}

/// Compiles one file.
pub(super) fn connector(
    source: &Source,
    patterns: &mut Patterns,
    report: &mut Report,
) -> Option<Compiled> {
    let before = errors(report);
    let manifest: Manifest = yaml::read(source, report)?;
    let id = &manifest.connector;
    let mut scope = Scope {
        source,
        report,
        patterns,
        id: id.value.as_str().into(),
        paths: Paths::default(),
        rpc: None,
    };
    check_id(id, &mut scope)?;
    pending::check(&manifest, &mut scope);
    let place = scope.place(id);
    let sites = sites::compile(&manifest, &mut scope);
    let schemes = schemes(&manifest, &mut scope);
    let routes = routes::compile(&manifest, &sites, &mut scope);
    let cases = case::compile(&manifest, &mut scope);
    let (groups, tries) = group::compile(&routes, &mut scope);
    let connector = Connector {
        name: head::name(&manifest),
        version: head::version(&manifest, &mut scope),
        docs: manifest.docs.as_ref().map(|docs| docs.value.clone()),
        plaintext: manifest.http.unwrap_or(false),
        public: manifest
            .auth
            .as_ref()
            .is_some_and(|auth| matches!(auth.value, Auth::None)),
        places: head::places(&manifest, &schemes, &mut scope),
        schemes,
        oddities: head::oddities(&manifest),
        headers: head::headers(&manifest, &mut scope),
        method_overrides: head::method_overrides(&manifest, &mut scope),
        listed_headers: routes::listed_headers(&routes),
        sites,
        groups,
        tries,
        // A request that nobody has described may do more than any that somebody has.
        fallback_risk: manifest
            .fallback
            .as_ref()
            .map_or(Risk::High, |fallback| fallback.risk),
        fallback: ActionName::parse(&format!("{}.unknown", id.value)).ok()?,
        no_credential: manifest.no_credential.unwrap_or(false),
        passes: routes::passes(&manifest),
        health: head::health(&manifest, &mut scope),
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
    head::check_health(&connector, &manifest, &mut scope);
    lint::check(&connector, &mut scope);
    (errors(scope.report) == before).then_some(Compiled { connector, place })
}

fn errors(report: &Report) -> usize {
    let all = report.diagnostics.iter();
    all.filter(|problem| problem.severity == Severity::Error)
        .count()
}

fn check_id(id: &At<String>, scope: &mut Scope<'_>) -> Option<()> {
    let good = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    };
    let starts = id
        .value
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    let reserved = ["tunnel", "tollgate"].contains(&id.value.as_str());
    if starts && !reserved && id.value.len() <= 64 && id.value.bytes().all(good) {
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

fn schemes(manifest: &Manifest, scope: &mut Scope<'_>) -> Vec<crate::auth::Scheme> {
    let help = "list the ways to put a credential on, or write `auth: none` for a public API";
    let Some(auth) = &manifest.auth else {
        scope.error(
            "auth",
            "the connector does not say how a credential is put on",
            &manifest.connector,
            help,
        );
        return Vec::new();
    };
    let Auth::Schemes(written) = &auth.value else {
        return Vec::new();
    };
    if written.is_empty() {
        scope.error("auth", "`auth` is an empty list", auth, help);
    }
    let mut schemes: Vec<crate::auth::Scheme> = Vec::new();
    for entry in written {
        let Some(scheme) = crate::auth::Scheme::compile(entry, scope.source, scope.report) else {
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
    schemes
}
