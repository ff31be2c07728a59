//! Holds the size of files: a header, and at most 300 lines before the tests.

use std::collections::BTreeMap;

use super::sources::{sources, without_tests};

const LINES: usize = 300;

/// Folders with files that are still longer, and how many. Numbers only go down, and a row ends with its last long file.
const STILL: &[(&str, usize)] = &[];

#[test]
fn files_begin_with_a_sentence_and_stay_short() {
    let mut wrong = Vec::new();
    let mut long: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not begin with `//! `", file.display()));
        }
        let lines = without_tests(&text).lines().count();
        if lines > 400 {
            wrong.push(format!(
                "{}: {lines} lines; it has two subjects",
                file.display()
            ));
        }
        if lines > LINES {
            let folder = super::folder(&file);
            long.entry(folder)
                .or_default()
                .push(format!("{} ({lines})", file.display()));
        }
    }
    let still: BTreeMap<&str, usize> = STILL.iter().copied().collect();
    for (folder, files) in &long {
        let allowed = still.get(folder.as_str()).copied().unwrap_or(0);
        if files.len() > allowed {
            wrong.push(format!(
                "{folder}: {allowed} files may have more than {LINES} lines before tests: {}",
                files.join(", ")
            ));
        }
    }
    for (folder, allowed) in still {
        let now = long.get(folder).map_or(0, Vec::len);
        if now < allowed {
            wrong.push(format!(
                "{folder}: only {now} files are longer; say so in the row"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
