//! Finds of a catalogue what a reload can take over: a connector whose files are the same, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Source};
use crate::connector::compile::layers::{File, Stack};
use crate::connector::lookup::catalog::{Catalog, Origin, Waiting};
use crate::connector::model::connector::Connector;

/// A connector of the catalogue before.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) id: &'a Arc<str>,
    pub(crate) connector: &'a Arc<Connector>,
    pub(crate) origin: &'a Arc<Origin>,
}

/// The catalogue before, by what a reload has at hand.
pub(crate) struct Before<'a> {
    /// Those that need no other file, by the name of their own.
    alone: HashMap<&'a str, Known<'a>>,
    /// The others, by id.
    stacks: BTreeMap<&'a str, Known<'a>>,
    waiting: &'a Arc<Waiting>,
    /// Files of those others, and what there was to say of each.
    waits: HashMap<Name<'a>, (&'a Source, &'a [Diagnostic])>,
}

/// Name of a file, and whether it is built in.
type Name<'a> = (&'a str, bool);

fn name(source: &Source) -> Name<'_> {
    (&source.name, source.built_in)
}

impl<'a> Before<'a> {
    /// Files mean something else where other variables may be set, so nothing is known of those.
    pub(crate) fn of(catalog: &'a Catalog, variables: &BTreeSet<String>) -> Self {
        let waiting = &catalog.waiting;
        let mut before = Self {
            alone: HashMap::new(),
            stacks: BTreeMap::new(),
            waiting,
            waits: HashMap::new(),
        };
        if catalog.variables != *variables {
            return before;
        }
        let waits = waiting.files.iter();
        let waits = waits.map(|(source, said)| (name(source), (source, said.as_slice())));
        before.waits = waits.collect();
        for (id, connector) in &catalog.connectors {
            let Some(origin) = catalog.origins.get(id) else {
                continue;
            };
            let known = Known {
                id,
                connector,
                origin,
            };
            match origin.layers.first() {
                Some(own) if origin.is_alone => before.alone.insert(&*own.name, known),
                _ => before.stacks.insert(&**id, known),
            };
        }
        before
    }

    /// Returns those that wait for other files, in order of id.
    pub(crate) fn stacks(&self) -> impl Iterator<Item = Known<'a>> {
        self.stacks.values().copied()
    }

    pub(crate) fn waiting(&self) -> &'a Arc<Waiting> {
        self.waiting
    }

    /// Returns what there was to say of a file that waits for others, and is as it was.
    pub(crate) fn waits(&self, source: &Source) -> Option<&'a [Diagnostic]> {
        let (known, said) = self.waits.get(&name(source))?;
        (*known == source).then_some(said)
    }

    /// Returns whether all that waits for other files is as it was, and all that it waits for.
    pub(crate) fn keeps_waiting(&self, now: &[&Source]) -> bool {
        let now: HashMap<_, &Source> = now.iter().map(|&now| (name(now), now)).collect();
        let is_here = |source: &Source| now.get(&name(source)) == Some(&source);
        let needs = |known: &Known<'a>| {
            let origin = known.origin;
            origin.layers.iter().chain(&origin.replaced).all(is_here)
        };
        let mut built_in = now.values().filter(|now| now.built_in);
        !self.waits.is_empty()
            && self.waits.values().all(|(source, _)| is_here(source))
            && built_in.all(|now| self.waits(now).is_some())
            && self.stacks.values().all(needs)
    }

    pub(crate) fn alone(&self, source: &Source) -> Option<Known<'a>> {
        let known = self.alone.get(&*source.name)?;
        (known.origin.layers.first() == Some(source)).then_some(*known)
    }

    pub(crate) fn stack(&self, stack: &Stack) -> Option<Known<'a>> {
        let known = self.stacks.get(&*stack.id)?;
        let [layers, replaced] = sources(stack);
        (known.origin.layers == layers && known.origin.replaced == replaced).then_some(*known)
    }
}

/// Returns the texts of a connector's files, and of those that it replaces.
pub(crate) fn sources(stack: &Stack) -> [Vec<Source>; 2] {
    let sources = |files: &[Rc<File>]| files.iter().map(|file| file.source.clone()).collect();
    [sources(&stack.files), sources(&stack.replaced)]
}
