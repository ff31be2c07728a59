//! Finds everything under the domains that accept a host, in time that does not grow with their number.

use crate::connector::model::domain::{Domain, HostPattern, Label};
use crate::model::table::Table;
use crate::model::target::Host;

/// Domains, each with something found under it; `T`s of one shape stay in the order given.
#[derive(Debug)]
pub(crate) struct DomainIndex<T> {
    pub(crate) exact: Table<Host, Vec<T>>,
    pub(crate) suffixes: Suffixes<T>,
}

#[derive(Debug)]
pub(crate) struct Suffixes<T> {
    pub(crate) literals: Table<Box<str>, Self>,
    pub(crate) one: Option<Box<Self>>,
    pub(crate) many: Vec<T>,
    pub(crate) ends: Vec<T>,
}

impl<T> Default for DomainIndex<T> {
    fn default() -> Self {
        Self {
            exact: Table::default(),
            suffixes: Suffixes::default(),
        }
    }
}

impl<T> Default for Suffixes<T> {
    fn default() -> Self {
        Self {
            literals: Table::default(),
            one: None,
            many: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<T> DomainIndex<T> {
    /// Adds what is found under a domain.
    pub(crate) fn insert(&mut self, domain: &Domain, found: T) {
        match &domain.host {
            HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default().push(found),
            HostPattern::Labels(labels) => self.suffixes.insert(labels, found),
        }
    }

    /// Returns the first that is taken of everything under domains that accept a host: exact first, then by longest suffix.
    pub(crate) fn find_map<'i, R>(
        &'i self,
        host: &Host,
        mut take: impl FnMut(&'i T) -> Option<R>,
    ) -> Option<R> {
        if let Some(found) = self
            .exact
            .get(host)
            .into_iter()
            .flatten()
            .find_map(&mut take)
        {
            return Some(found);
        }
        let labels = host.labels_from_right();
        // An address has no labels, and is in no domain but its own.
        labels.clone().next()?;
        self.suffixes.find_map(labels, &mut take)
    }
}

impl<T> Suffixes<T> {
    fn insert(&mut self, labels: &[Label], found: T) {
        match labels.split_first() {
            None => self.ends.push(found),
            Some((Label::Many, _)) => self.many.push(found),
            Some((Label::One | Label::Capture(_), rest)) => {
                self.one.get_or_insert_default().insert(rest, found)
            }
            Some((Label::Literal(text), rest)) => self
                .literals
                .entry(text.clone())
                .or_default()
                .insert(rest, found),
        }
    }

    fn find_map<'i, 'h, R>(
        &'i self,
        mut labels: impl Iterator<Item = &'h str> + Clone,
        take: &mut impl FnMut(&'i T) -> Option<R>,
    ) -> Option<R> {
        let Some(label) = labels.next() else {
            return self.ends.iter().find_map(take);
        };
        let below = [self.literals.get(label), self.one.as_deref()];
        for below in below.into_iter().flatten() {
            if let Some(found) = below.find_map(labels.clone(), take) {
                return Some(found);
            }
        }
        self.many.iter().find_map(take)
    }
}
