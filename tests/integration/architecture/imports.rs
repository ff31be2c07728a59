//! Follows `use` and inline paths to the file that defines what they name: through groups, `super::` and re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::sources::{code, is_word, without_tests};

/// A module's path below the crate, `a::b`; the crate itself is the empty text.
type Module = String;
type Segments = Vec<String>;

/// Which file uses something of which other file.
pub(super) struct Imports {
    edges: BTreeSet<(Module, Module)>,
    written: BTreeSet<(Module, Module)>,
}

/// What a file brings into scope, and which paths it follows.
#[derive(Default)]
struct File {
    names: BTreeMap<String, Segments>,
    paths: Vec<Segments>,
    /// What it only re-exports.
    reexported: Vec<Segments>,
}

impl Imports {
    pub(super) fn of(sources: &[(PathBuf, String)]) -> Self {
        let files: BTreeMap<Module, File> = sources
            .iter()
            .map(|(path, text)| (module(path), File::read(text)))
            .collect();
        let mut edges = BTreeSet::new();
        let mut written = BTreeSet::new();
        for (from, file) in &files {
            for path in file.paths.iter().chain(&file.reexported) {
                written.extend(named(&files, from, path).map(|to| (from.clone(), to)));
            }
            for path in &file.paths {
                if let Some(to) = resolve(&files, from, path, 0).filter(|to| to != from) {
                    edges.insert((from.clone(), to));
                }
            }
        }
        Self { edges, written }
    }

    /// Each file and a file that it uses something of, wherever it is re-exported. The crate's own file is left out.
    pub(super) fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.edges)
    }

    /// Each file and a file that it names in a path, whatever that re-exports.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.written)
    }
}

fn pairs(pairs: &BTreeSet<(Module, Module)>) -> impl Iterator<Item = (&str, &str)> {
    pairs
        .iter()
        .filter(|(from, to)| from != "main" && !to.is_empty() && from != to)
        .map(|(from, to)| (from.as_str(), to.as_str()))
}

impl File {
    fn read(text: &str) -> Self {
        let code = code(without_tests(text));
        let mut file = Self::default();
        let mut rest = code.as_str();
        while let Some(at) = rest.find(is_word) {
            let fresh = !rest[..at].ends_with("::") && !rest[..at].ends_with('\'');
            let public = rest[..at].trim_end().ends_with(')');
            rest = &rest[at..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            if word == "pub" {
                let behind = rest[end..].trim_start();
                let behind = behind.strip_prefix('(').map_or(behind, |scope| {
                    scope
                        .split_once(')')
                        .map_or(scope, |(_, behind)| behind)
                        .trim_start()
                });
                rest = match behind.strip_prefix("use ") {
                    Some(tree) => file.import(tree, false),
                    None => &rest[end..],
                };
            } else if word == "use" && !public {
                rest = file.import(&rest[end..], true);
            } else if fresh && rest[end..].starts_with("::") {
                let mut found = Vec::new();
                rest = tree(rest, &Vec::new(), &mut found);
                file.paths.extend(found.into_iter().map(|(path, _)| path));
            } else {
                rest = &rest[end..];
            }
        }
        file
    }

    /// Reads one `use`. A re-export brings a name into scope and uses nothing.
    fn import<'t>(&mut self, text: &'t str, used: bool) -> &'t str {
        let mut found = Vec::new();
        let rest = tree(text, &Vec::new(), &mut found);
        for (path, name) in found {
            if let Some(name) = name {
                self.names.insert(name, path.clone());
            }
            if used {
                self.paths.push(path);
            } else {
                self.reexported.push(path);
            }
        }
        rest
    }
}

/// Reads a tree of paths, `a::{b, c as d, e::{self, f}}`, into paths and the names they bring; returns what is behind it.
fn tree<'t>(
    text: &'t str,
    before: &Segments,
    found: &mut Vec<(Segments, Option<String>)>,
) -> &'t str {
    let mut path = before.clone();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = group.trim_start_matches([',', ' ', '\n', '\t']);
                match group.strip_prefix('}') {
                    Some(behind) => return behind,
                    None if group.is_empty() => return group,
                    None => {
                        let behind = tree(group, &path, found);
                        // What is neither a path nor the end, `*`.
                        group = if behind.len() == group.len() {
                            &group[1..]
                        } else {
                            behind
                        };
                    }
                }
            }
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if end == 0 {
            found.push((path, None));
            return rest;
        }
        let word = &rest[..end];
        if word != "self" || path.is_empty() {
            path.push(word.to_owned());
        }
        rest = &rest[end..];
        if let Some(behind) = rest.strip_prefix("::") {
            rest = behind;
            continue;
        }
        let mut name = path.last().cloned();
        if let Some(behind) = rest.strip_prefix(" as ") {
            let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
            name = Some(behind[..end].to_owned());
            rest = &behind[end..];
        }
        found.push((path, name));
        return rest;
    }
}

/// Finds the file that defines what a path names. `None`: another crate's, or a local's.
fn resolve(
    files: &BTreeMap<Module, File>,
    from: &str,
    path: &Segments,
    depth: usize,
) -> Option<Module> {
    if depth > 20 {
        return None;
    }
    let (mut current, at) = begin(from, path);
    if at == 0 {
        let first = path.first()?;
        if !files.contains_key(&child(&current, first)) {
            let named = files
                .get(from)?
                .names
                .get(first)
                .filter(|named| *named != path)?;
            let whole = named.iter().chain(&path[1..]).cloned().collect();
            return resolve(files, from, &whole, depth + 1);
        }
    }
    for (step, name) in path.iter().enumerate().skip(at) {
        let below = child(&current, name);
        if files.contains_key(&below) {
            current = below;
        } else if let Some(named) = files.get(&current).and_then(|file| file.names.get(name)) {
            let whole = named.iter().chain(&path[step + 1..]).cloned().collect();
            return resolve(files, &current, &whole, depth + 1).or(Some(current));
        } else {
            break;
        }
    }
    Some(current)
}

/// Follows a path down the modules, and no further than that.
fn named(files: &BTreeMap<Module, File>, from: &str, path: &Segments) -> Option<Module> {
    let (mut current, at) = begin(from, path);
    if at == 0 && !files.contains_key(&child(from, path.first()?)) {
        return None;
    }
    for name in &path[at..] {
        let below = child(&current, name);
        if !files.contains_key(&below) {
            break;
        }
        current = below;
    }
    Some(current)
}

/// The module in which a path begins, and how many of its segments said so.
fn begin(from: &str, path: &Segments) -> (Module, usize) {
    let mut current = from.to_owned();
    let mut at = 0;
    while let Some(step) = path.get(at) {
        match step.as_str() {
            "crate" if at == 0 => current.clear(),
            "super" => current = parent(&current).to_owned(),
            "self" if at == 0 => {}
            _ => break,
        }
        at += 1;
    }
    (current, at)
}

fn child(module: &str, name: &str) -> Module {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn module(path: &Path) -> Module {
    let path = path.with_extension("");
    let steps: Vec<_> = path.iter().map(|step| step.to_str().unwrap()).collect();
    if steps == ["lib"] {
        String::new()
    } else {
        steps.join("::")
    }
}

fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    Imports::of(&files)
        .edges()
        .map(|(from, to)| format!("{from} > {to}"))
        .collect()
}

#[test]
fn groups_are_followed() {
    let found = edges(&[
        (
            "a.rs",
            "use crate::{b::{self, X}, c, d::Y as Z};\nuse std::fmt;",
        ),
        ("b.rs", "pub struct X;"),
        ("c.rs", ""),
        ("d.rs", "fn f() { crate::c::g(); }"),
    ]);
    assert_eq!(found, ["a > b", "a > c", "a > d", "d > c"]);
}

#[test]
fn names_are_followed_to_the_file_that_defines_them() {
    let found = edges(&[
        (
            "a.rs",
            "mod one;\nmod two;\npub(super) use one::{X, make};\nstruct Own;",
        ),
        ("a/one.rs", "pub struct X;"),
        (
            "a/two.rs",
            "use super::X;\nuse super::super::b;\nfn f(x: &b::Y) { super::Own }",
        ),
        ("b.rs", "use crate::a;\nfn f() { a::make() } // crate::c::x"),
        ("c.rs", "const TEXT: &str = \"crate::b\";"),
    ]);
    assert_eq!(
        found,
        [
            "a::two > a",
            "a::two > a::one",
            "a::two > b",
            "b > a",
            "b > a::one"
        ]
    );
}
