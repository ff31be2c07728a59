//! Compiles connector files into one catalogue.
//!
//! INVARIANT: no authority and base path belongs to two connectors.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread;

use crate::config::diagnostic::{self, Diagnostic, Report, Source};
use crate::config::yaml;
use crate::connector::compile::before::{Before, Known, sources};
use crate::connector::compile::layers::{File, Files, Stack};
use crate::connector::compile::lint::replaced;
use crate::connector::compile::parameter::Patterns;
use crate::connector::compile::read_ahead::ReadAhead;
use crate::connector::compile::{self, Common, Thoroughness};
use crate::connector::lookup::catalog::{Catalog, Origin, Waiting};
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
        let depth = (variables, Thoroughness::Full);
        Self::compile_all(&Self::default(), sources, depth, report)
    }

    /// As [`Catalog::compile_with`], to read requests by: without tests and warnings of built-in files. A connector whose files are as
    /// they were before is the same value; what there was to say of it is said again.
    pub fn compile_after(
        before: &Self,
        sources: &[Source],
        variables: &BTreeSet<String>,
        report: &mut Report,
    ) -> Self {
        let depth = (variables, Thoroughness::Serving);
        Self::compile_all(before, sources, depth, report)
    }

    fn compile_all(
        before: &Self,
        sources: &[Source],
        (variables, thoroughness): (&BTreeSet<String>, Thoroughness),
        report: &mut Report,
    ) -> Self {
        let before = Before::of(before, variables);
        let mut common = Common {
            patterns: Patterns::default(),
            variables,
            thoroughness,
        };
        let built_in = sources.iter().filter(|source| source.built_in);
        let own = sources.iter().filter(|source| !source.built_in);
        let sources: Vec<&Source> = built_in.chain(own).collect();
        let empty = || Self {
            variables: variables.clone(),
            ..Self::default()
        };
        let said = report.diagnostics.len();
        let mut catalog = empty();
        let is_done = before.keeps_waiting(&sources)
            && catalog.add_around(&before, &sources, &mut common, report);
        if !is_done {
            report.diagnostics.truncate(said);
            catalog = empty();
            catalog.add_all(&before, &sources, &mut common, report);
        }
        catalog.index(report);
        catalog
    }

    /// Takes over what waits for other files, which need not be read for that, and compiles what has changed beside it. Returns
    /// whether no change concerns what waits; else this catalogue is worth nothing.
    fn add_around(
        &mut self,
        before: &Before<'_>,
        sources: &[&Source],
        common: &mut Common<'_>,
        report: &mut Report,
    ) -> bool {
        let mut files = Files::default();
        for known in before.stacks() {
            files.add_compiled(known.id, &known.origin.place);
        }
        for source in sources.iter().copied() {
            if let Some(again) = before.waits(source) {
                report.diagnostics.extend_from_slice(again);
                continue;
            }
            let said = report.diagnostics.len();
            if let Some(known) = before.alone(source) {
                if !files.add_compiled(known.id, &known.origin.place) {
                    return false;
                }
                self.keep(known, report);
                continue;
            }
            let file = yaml::read(source, report).map(|manifest| File {
                source: source.clone(),
                manifest,
            });
            let Some(stack) = file.and_then(|file| files.add(file, report)) else {
                return false;
            };
            self.add((&stack, true), said, common, report);
        }
        let waiting = before.waiting();
        report.diagnostics.extend_from_slice(&waiting.said);
        for known in before.stacks() {
            self.keep(known, report);
        }
        self.waiting = Arc::clone(waiting);
        true
    }

    fn add_all(
        &mut self,
        before: &Before<'_>,
        sources: &[&Source],
        common: &mut Common<'_>,
        report: &mut Report,
    ) {
        let mut files = Files::default();
        let mut waiting = Waiting::default();
        thread::scope(|scope| {
            let unknown = sources.iter().copied();
            let unknown = unknown.filter(|source| before.alone(source).is_none());
            let reading = ReadAhead::start(scope, unknown.collect());
            for source in sources.iter().copied() {
                let said = report.diagnostics.len();
                let known = before.alone(source);
                if let Some(known) = known
                    && files.add_compiled(known.id, &known.origin.place)
                {
                    self.keep(known, report);
                    continue;
                }
                let manifest = match known {
                    Some(_) => yaml::read(source, report),
                    None => reading.next(source, report),
                };
                let Some(manifest) = manifest else {
                    continue;
                };
                let file = File {
                    source: source.clone(),
                    manifest,
                };
                match files.add(file, report) {
                    Some(stack) => self.add((&stack, true), said, common, report),
                    None => {
                        let said = report.diagnostics.get(said..).unwrap_or_default();
                        waiting.files.push((source.clone(), said.to_vec()));
                    }
                }
            }
        });
        let said = report.diagnostics.len();
        let stacks = files.rest(report);
        let said = report.diagnostics.get(said..).unwrap_or_default();
        waiting.said = said.to_vec();
        for stack in stacks {
            match before.stack(&stack) {
                Some(known) => self.keep(known, report),
                None => {
                    let said = report.diagnostics.len();
                    self.add((&stack, false), said, common, report);
                }
            }
        }
        self.waiting = Arc::new(waiting);
    }

    /// Takes over a connector that has not changed.
    fn keep(&mut self, known: Known<'_>, report: &mut Report) {
        report.diagnostics.extend_from_slice(&known.origin.warnings);
        self.connectors
            .insert(Arc::clone(known.id), Arc::clone(known.connector));
        self.origins
            .insert(Arc::clone(known.id), Arc::clone(known.origin));
    }

    /// Compiles a connector. What the report holds from `said` on is of its files.
    fn add(
        &mut self,
        (stack, is_alone): (&Stack, bool),
        said: usize,
        common: &mut Common<'_>,
        report: &mut Report,
    ) {
        let connector = compile::connector(&stack.layers(), common, report);
        if let Some((new, old)) = connector.as_ref().zip(stack.replaced()) {
            let old = compile::connector(&old, common, &mut Report::default());
            if let Some((old, place)) = old.zip(stack.place()) {
                replaced::check(new, &old, &place, report);
            }
        }
        let Some((connector, place)) = connector.zip(stack.place()) else {
            return;
        };
        let [layers, replaced] = sources(stack);
        let origin = Origin {
            layers,
            replaced,
            place,
            is_alone,
            warnings: report.diagnostics.get(said..).unwrap_or_default().to_vec(),
        };
        self.origins.insert(Arc::clone(&stack.id), origin.into());
        self.connectors
            .insert(Arc::clone(&stack.id), connector.into());
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
