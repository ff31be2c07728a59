//! Holds the dependencies: each has a row in ARCHITECTURE.md that says why, and the code names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::sources::{code, files, names};

/// Kept for what is under way: nothing names them yet. A row ends when something does.
pub(super) const AHEAD: &[&str] = &[];

#[test]
fn each_dependency_has_a_row_and_each_row_is_a_dependency() {
    let manifest = manifest();
    let architecture = read("ARCHITECTURE.md");
    let (_, tables) = architecture.split_once("\n## Dependencies\n").unwrap();
    let (of_code, of_tests) = tables.split_once("\n### Of tests and benches\n").unwrap();
    assert_eq!(
        rows(of_code),
        manifest["dependencies"],
        "the first table and `[dependencies]`"
    );
    assert_eq!(
        rows(of_tests),
        manifest["dev-dependencies"],
        "the second table and `[dev-dependencies]`"
    );
}

#[test]
fn each_dependency_is_named_by_the_code() {
    let manifest = manifest();
    let read = |below| files(below).into_iter().map(|(_, text)| code(&text));
    let source: Vec<String> = read("src").collect();
    // Some tests are beside what they test.
    let tests = read("tests").chain(read("benches")).chain(read("src"));
    let tests: Vec<String> = tests.collect();
    let mut wrong = Vec::new();
    for (section, texts) in [("dependencies", &source), ("dev-dependencies", &tests)] {
        for dependency in &manifest[section] {
            let name = dependency.replace('-', "_");
            let used = texts.iter().any(|text| names(text, &name));
            if used == AHEAD.contains(&dependency.as_str()) {
                wrong.push(format!("`{dependency}` of [{section}]: used is {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names in `Cargo.toml`, by section.
fn manifest() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in read("Cargo.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((name, _)) = line.split_once(" = ") {
            found
                .entry(section.clone())
                .or_default()
                .insert(name.to_owned());
        }
    }
    assert!(found["dependencies"].len() > 20, "{found:?}");
    found
}

/// The names in backticks of a table's first column.
fn rows(table: &str) -> BTreeSet<String> {
    table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|names| {
            names
                .split('`')
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}
