//! Keeps paths readable: a path that climbs further than one folder begins at `crate`.

use std::collections::BTreeMap;

use super::sources::{code, sources};

/// Folders that still have paths that climb twice, and how many. Numbers only go down, and a row ends with its last path.
const STILL: &[(&str, usize)] = &[];

#[test]
fn paths_climb_at_most_once() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (file, text) in sources() {
        let count = code(&text).matches("super::super::").count();
        if count > 0 {
            *found.entry(super::folder(&file)).or_default() += count;
        }
    }
    let still: BTreeMap<&str, usize> = STILL.iter().copied().collect();
    found.retain(|folder, count| *count > still.get(folder.as_str()).copied().unwrap_or(0));
    assert!(found.is_empty(), "begin these paths at `crate`: {found:?}");
}
