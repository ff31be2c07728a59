//! Refuses circles: files that use one another, over however many others. A file and those in its folder count as one story, so
//! that only uses between neighbours are followed.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Imports;
use super::sources::sources;

/// Folders that still have circles, and how many of their files are in one. Numbers only go down, and a row ends with its circles.
const STILL: &[(&str, usize)] = &[];

#[test]
fn no_files_use_one_another_in_a_circle() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for circle in circles(&Imports::of(&sources())) {
        let folder = circle[0].split("::").next().unwrap().to_owned();
        found.entry(folder).or_default().extend(circle);
    }
    let still: BTreeMap<&str, usize> = STILL.iter().copied().collect();
    let mut wrong = Vec::new();
    for (folder, files) in &found {
        let allowed = still.get(folder.as_str()).copied().unwrap_or(0);
        if files.len() > allowed {
            wrong.push(format!(
                "{folder}: {} files use one another in a circle, {allowed} may: {}",
                files.len(),
                files.join(", ")
            ));
        }
    }
    for (folder, allowed) in still {
        let now = found.get(folder).map_or(0, Vec::len);
        if now < allowed {
            wrong.push(format!(
                "{folder}: only {now} files are in a circle; say so in the row"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn circles_are_found_over_several_files_and_not_between_a_file_and_its_folder() {
    let texts = [
        ("a.rs", "mod one;\nfn f() { one::g() }"),
        ("a/one.rs", "use super::f;\nuse crate::b::X;"),
        ("b.rs", "use crate::c::Y;"),
        ("c.rs", "use crate::{a::one::Z, d::D};"),
        ("d.rs", ""),
    ];
    let files: Vec<_> = texts
        .iter()
        .map(|(path, text)| (path.into(), (*text).to_owned()))
        .collect();
    assert_eq!(circles(&Imports::of(&files)), [["a::one", "b", "c"]]);
}

/// Returns the sets of files of which each reaches each other, sorted.
fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in imports.edges() {
        if !within(from, to) && !within(to, from) {
            uses.entry(from).or_default().insert(to);
        }
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|from| (*from, reach(&uses, from)))
        .collect();
    let mut found = BTreeSet::new();
    for (from, to) in &reached {
        if to.contains(from) {
            let circle: Vec<String> = to
                .iter()
                .filter(|other| reached.get(**other).is_some_and(|back| back.contains(from)))
                .map(|other| (*other).to_owned())
                .collect();
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reach<'i>(uses: &BTreeMap<&'i str, BTreeSet<&'i str>>, from: &str) -> BTreeSet<&'i str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = uses.get(from).into_iter().flatten().copied().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(uses.get(next).into_iter().flatten().copied());
        }
    }
    reached
}

fn within(inner: &str, outer: &str) -> bool {
    outer.is_empty()
        || inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with("::"))
}
