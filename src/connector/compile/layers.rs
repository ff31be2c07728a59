//! Joins a connector file and those that it is laid over (`extends`): what of each holds, and where it stands.
//!
//! INVARIANT: whatever is taken out of a layer is told with that layer's place.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml;
use crate::connector::compile::Scope;
use crate::connector::manifest::Manifest;
use crate::connector::manifest::route::RouteEntry;
use crate::model::vocabulary::did_you_mean;

/// Files that one may be laid over.
const MAX_LAYERS: usize = 4;

/// A connector file after parsing.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: Source,
    pub(crate) manifest: Manifest,
}

/// A file with those below it, its own first.
#[derive(Debug)]
pub(crate) struct Layers<'a>(&'a [Rc<File>]);

/// What one connector is compiled of.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) id: Arc<str>,
    pub(crate) files: Vec<Rc<File>>,
    /// Those of the built-in connector that it replaces; empty where it replaces none.
    pub(crate) replaced: Vec<Rc<File>>,
}

/// Files by id: those that take effect, and the built-in ones that others replace.
///
/// What has been read takes many times what is compiled of it, so most files are handed out to be compiled, and dropped, before
/// the next one is read.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) winners: BTreeMap<Arc<str>, Winner>,
    pub(crate) replaced: BTreeMap<Arc<str>, Rc<File>>,
}

#[derive(Debug)]
pub(crate) enum Winner {
    /// It waits for the others.
    Waiting(Rc<File>),
    /// It was handed out; this is where its id stands.
    Gone(Place),
}

impl File {
    fn place(&self) -> Place {
        self.manifest.connector.place(&self.source, "")
    }

    fn id(&self) -> Arc<str> {
        self.manifest.connector.value.as_str().into()
    }
}

impl Stack {
    /// Returns where its id stands.
    pub(crate) fn place(&self) -> Option<Place> {
        self.files.first().map(|file| file.place())
    }

    pub(crate) fn layers(&self) -> Layers<'_> {
        Layers(&self.files)
    }

    /// Returns the layers of the built-in connector that it replaces.
    pub(crate) fn replaced(&self) -> Option<Layers<'_>> {
        (!self.replaced.is_empty()).then_some(Layers(&self.replaced))
    }
}

impl Files {
    /// Adds a file, the built-in ones first: an operator's one replaces a built-in. What needs no other file is handed out.
    pub(crate) fn add(&mut self, file: File, report: &mut Report) -> Option<Stack> {
        let id = file.id();
        let alone = !file.source.built_in && file.manifest.extends.is_none();
        let file = Rc::new(file);
        match self.winners.get(&id) {
            None if alone => {
                let winner = Winner::Gone(file.place());
                self.winners.insert(Arc::clone(&id), winner);
                return Some(Stack {
                    id,
                    files: vec![file],
                    replaced: Vec::new(),
                });
            }
            None => {
                self.winners.insert(id, Winner::Waiting(file));
            }
            Some(Winner::Waiting(known)) if known.source.built_in && !file.source.built_in => {
                self.replaced.insert(Arc::clone(&id), Rc::clone(known));
                self.winners.insert(id, Winner::Waiting(file));
            }
            Some(known) => report.push(
                Diagnostic::error(
                    "connector-conflict",
                    format!("two files are the connector `{id}`"),
                )
                .at(known.place())
                .at(file.place())
                .help("give one of them another id"),
            ),
        }
        None
    }

    /// Adds a file that needs no other and was compiled before; `false` where its id is taken.
    pub(crate) fn add_compiled(&mut self, id: &Arc<str>, place: &Place) -> bool {
        let is_free = !self.winners.contains_key(id);
        if is_free {
            let winner = Winner::Gone(place.clone());
            self.winners.insert(Arc::clone(id), winner);
        }
        is_free
    }

    /// Returns the stacks of the files that have waited, in order of id.
    pub(crate) fn rest(mut self, report: &mut Report) -> Vec<Stack> {
        let winners = self.winners.iter();
        let waiting = winners.filter_map(|(id, winner)| match winner {
            Winner::Waiting(file) => Some((Arc::clone(id), Rc::clone(file))),
            Winner::Gone(_) => None,
        });
        let waiting: Vec<_> = waiting.collect();
        let mut stacks = Vec::with_capacity(waiting.len());
        for (id, file) in waiting {
            let replaced = self.replaced.get(&id).cloned();
            let replaced = replaced.map(|old| self.layers(&old, &mut Report::default()));
            stacks.push(Stack {
                id,
                files: self.layers(&file, report),
                replaced: replaced.unwrap_or_default(),
            });
        }
        stacks
    }

    /// Returns the file that takes effect for an id. One that was handed out is read again, which had no problems the first time.
    fn winner(&mut self, id: &str) -> Option<Rc<File>> {
        let winner = self.winners.get_mut(id)?;
        let file = match winner {
            Winner::Waiting(file) => return Some(Rc::clone(file)),
            Winner::Gone(place) => Rc::new(File {
                manifest: yaml::read(&place.source, &mut Report::default())?,
                source: place.source.clone(),
            }),
        };
        *winner = Winner::Waiting(Rc::clone(&file));
        Some(file)
    }

    /// Finds the files below one; a file with its own id below it is the built-in that it replaces.
    fn layers(&mut self, file: &Rc<File>, report: &mut Report) -> Vec<Rc<File>> {
        let mut layers = vec![Rc::clone(file)];
        let mut top = Rc::clone(file);
        while let Some(wanted) = &top.manifest.extends {
            let own = wanted.value == top.manifest.connector.value;
            let below = if own {
                self.replaced.get(wanted.value.as_str()).cloned()
            } else {
                self.winner(&wanted.value)
            };
            let mut tell = |message: String, help: String| {
                let place = wanted.place(&top.source, "");
                report.push(Diagnostic::error("extends", message).at(place).help(help));
            };
            let Some(below) = below else {
                let known = self.winners.keys().map(|id| &**id);
                let message = format!("there is no connector `{}` to extend", wanted.value);
                tell(message, did_you_mean(&wanted.value, known));
                break;
            };
            let known = layers.iter().any(|layer| Rc::ptr_eq(layer, &below));
            if known || layers.len() == MAX_LAYERS {
                let message = format!("`{}` extends itself, or too many files do", wanted.value);
                let help = format!("at most {MAX_LAYERS} files lie over each other");
                tell(message, help);
                break;
            }
            layers.push(Rc::clone(&below));
            top = below;
        }
        layers
    }
}

impl Winner {
    fn place(&self) -> Place {
        match self {
            Self::Waiting(file) => file.place(),
            Self::Gone(place) => place.clone(),
        }
    }
}

impl<'a> Layers<'a> {
    /// Returns the file whose connector this is.
    pub(crate) fn own(&self) -> Option<&'a File> {
        self.0.first().map(|file| &**file)
    }

    /// Returns what the uppermost file says that says anything; problems of it are told there.
    pub(crate) fn pick<T>(
        &self,
        scope: &mut Scope<'a>,
        said: impl Fn(&'a Manifest) -> Option<T>,
    ) -> Option<T> {
        let found = self
            .0
            .iter()
            .find_map(|file| Some((&**file, said(&file.manifest)?)));
        let (file, value) = found?;
        scope.source = &file.source;
        Some(value)
    }

    /// Iterates over the files, the lowest first, as keys of the upper ones win.
    pub(crate) fn upward(&self) -> impl Iterator<Item = &'a File> {
        self.0.iter().rev().map(|file| &**file)
    }

    /// Returns the routes that hold, in order: those of lower files come first, but for those that upper ones remove or override.
    pub(crate) fn routes(&self, scope: &mut Scope<'a>) -> Vec<(&'a Source, &'a RouteEntry)> {
        let mut routes: Vec<(&Source, &RouteEntry)> = Vec::new();
        for file in self.upward() {
            scope.source = &file.source;
            let known = |action: &str| routes.iter().any(|(_, route)| route.action.value == action);
            let mut gone = Vec::new();
            for removed in &file.manifest.remove {
                if !known(&removed.value) {
                    tell_unknown("remove", removed, &routes, scope);
                }
                gone.push(removed.value.as_str());
            }
            for route in file.manifest.routes.iter().filter(|route| route.replaces) {
                if !known(&route.action.value) {
                    tell_unknown("override", &route.action, &routes, scope);
                }
                gone.push(&route.action.value);
            }
            routes.retain(|(_, route)| !gone.contains(&route.action.value.as_str()));
            routes.extend(
                file.manifest
                    .routes
                    .iter()
                    .map(|route| (&file.source, route)),
            );
        }
        routes
    }

    /// Returns the files whose tests still say what is true: those of lower ones are for other hosts as soon as these change.
    pub(crate) fn tested(&self) -> Vec<&'a File> {
        let Some(own) = self.own() else {
            return Vec::new();
        };
        let moved =
            |file: &File| !file.manifest.domains.is_empty() || !file.manifest.base_paths.is_empty();
        let mut tested = Vec::new();
        for file in self.0 {
            if file.id() == own.id() {
                tested.push(&**file);
            }
            if moved(file) || file.id() != own.id() {
                break;
            }
        }
        tested
    }
}

fn tell_unknown(
    key: &'static str,
    action: &crate::config::yaml::At<String>,
    routes: &[(&Source, &RouteEntry)],
    scope: &mut Scope<'_>,
) {
    let known = routes.iter().map(|(_, route)| route.action.value.as_str());
    let message = format!(
        "`{key}`: the extended connector has no action `{}`",
        action.value
    );
    let help = did_you_mean(&action.value, known);
    scope.error(key, message, action, &help);
}
