//! Compiles connector files into one catalogue.
//!
//! INVARIANT: no authority and base path belongs to two connectors.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::config::diagnostic::{self, Diagnostic, Report, Source};
use crate::config::yaml;
use crate::connector::compile::layers::{File, Files, Stack};
use crate::connector::compile::lint::replaced;
use crate::connector::compile::parameter::Patterns;
use crate::connector::compile::{self, Common};
use crate::connector::lookup::catalog::Catalog;
use crate::connector::model::connector::Connector;
use crate::connector::model::endpoint::{Endpoint, TlsMode};

impl Catalog {
    /// Compiles connector files; the catalogue is usable only where the report has no errors.
    pub fn compile(sources: &[Source], report: &mut Report) -> Self {
        Self::compile_with(sources, &BTreeSet::new(), report)
    }

    /// As [`Catalog::compile`], where files may also set these variables for children.
    pub fn compile_with(
        sources: &[Source],
        variables: &BTreeSet<String>,
        report: &mut Report,
    ) -> Self {
        let mut common = Common {
            patterns: Patterns::default(),
            variables,
        };
        let mut files = Files::default();
        let mut catalog = Self::default();
        let built_in = sources.iter().filter(|source| source.built_in);
        let own = sources.iter().filter(|source| !source.built_in);
        for source in built_in.chain(own) {
            let Some(manifest) = yaml::read(source, report) else {
                continue;
            };
            let source = source.clone();
            if let Some(stack) = files.add(File { source, manifest }, report) {
                catalog.add(&stack, &mut common, report);
            }
        }
        for stack in files.rest(report) {
            catalog.add(&stack, &mut common, report);
        }
        catalog.index(report);
        catalog
    }

    fn add(&mut self, stack: &Stack, common: &mut Common<'_>, report: &mut Report) {
        let connector = compile::connector(&stack.layers(), common, report);
        if let Some((new, old)) = connector.as_ref().zip(stack.replaced()) {
            let old = compile::connector(&old, common, &mut Report::default());
            if let Some((old, place)) = old.zip(stack.place()) {
                replaced::check(new, &old, &place, report);
            }
        }
        let connector = connector.map(|connector| (Arc::clone(&stack.id), connector.into()));
        self.connectors.extend(connector);
    }

    fn index(&mut self, report: &mut Report) {
        let mut endpoints: Vec<(Arc<Connector>, usize)> = Vec::new();
        let mut taken: HashMap<(String, u16, String), diagnostic::Place> = HashMap::new();
        let mut modes: HashMap<(String, u16), (TlsMode, diagnostic::Place)> = HashMap::new();
        for connector in self.connectors.values() {
            for (number, endpoint) in connector.endpoints.iter().enumerate() {
                for port in endpoint.domain.ports(endpoint.plain) {
                    let host = (endpoint.domain.shape(), port);
                    let key = (host.0.clone(), port, endpoint.base.shape());
                    if let Some(first) = taken.get(&key) {
                        let message = format!(
                            "`{}{}` on port {port} belongs to two connectors, or is listed twice",
                            endpoint.text, endpoint.base_text
                        );
                        let help = "give them different `base_paths`, or drop one";
                        conflict(message, first, endpoint, help, report);
                        continue;
                    }
                    taken.insert(key, endpoint.place.clone());
                    let first = modes
                        .entry(host)
                        .or_insert_with(|| (endpoint.tls, endpoint.place.clone()));
                    if first.0 != endpoint.tls {
                        let message = format!(
                            "`{}` on port {port} is passed through, and requests to it are read too",
                            endpoint.text
                        );
                        let help = "a tunnel that is passed through carries every path: drop one";
                        conflict(message, &first.1, endpoint, help, report);
                    }
                }
                endpoints.push((Arc::clone(connector), number));
            }
        }
        // The longest base path is looked at first, then the one that is literal further left.
        let length = |entry: &(Arc<Connector>, usize)| {
            entry.0.endpoints.get(entry.1).map(|endpoint| {
                (
                    endpoint.base.segments().len(),
                    endpoint.base.literal_weight(),
                )
            })
        };
        endpoints.sort_by_key(|entry| std::cmp::Reverse(length(entry)));
        for (connector, number) in endpoints {
            let Some(domain) = connector
                .endpoints
                .get(number)
                .map(|endpoint| endpoint.domain.clone())
            else {
                continue;
            };
            self.domains.insert(&domain, (connector, number));
        }
    }
}

fn conflict(
    message: String,
    first: &diagnostic::Place,
    endpoint: &Endpoint,
    help: &str,
    report: &mut Report,
) {
    let conflict = Diagnostic::error("domain-conflict", message);
    let conflict = conflict.at(first.clone()).at(endpoint.place.clone());
    report.push(conflict.help(help));
}
