//! Connectors whose files have not changed are the same values after a reload; whatever else has is compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::connector::Catalog;

fn file(name: &str, text: &str) -> Source {
    Source::new(name.to_owned(), text.to_owned())
}

fn connector(id: &str, more: &str) -> Source {
    let text = format!(
        "connector: {id}\nauth: none\ndomains: [{id}.test]\nroutes:\n  - {{ action: thing.get, match: 'GET /things/{{key}}' }}\n{more}"
    );
    file(&format!("{id}.yaml"), &text)
}

fn built_in(source: Source) -> Source {
    Source {
        built_in: true,
        ..source
    }
}

fn after(before: &Catalog, sources: &[Source]) -> (Catalog, Report) {
    let mut report = Report::default();
    let catalog = Catalog::compile_after(before, sources, &BTreeSet::new(), &mut report);
    (catalog, report)
}

/// Returns the ids of connectors that are the same value in both.
fn same<'a>(one: &Catalog, ids: &[&'a str], other: &Catalog) -> Vec<&'a str> {
    let is_same = |id: &&str| match (one.get(id), other.get(id)) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    };
    ids.iter().copied().filter(is_same).collect()
}

const IDS: [&str; 4] = ["base", "top", "alone", "wide"];

fn files() -> Vec<Source> {
    vec![
        built_in(connector("wide", "")),
        connector("base", ""),
        file(
            "top.yaml",
            "connector: top\nextends: base\ndomains: [top.test]\n",
        ),
        connector("alone", ""),
        file("wide.yaml", "connector: wide\nextends: wide\n"),
    ]
}

#[test]
fn what_has_not_changed_is_the_same_value() {
    let (first, report) = after(&Catalog::default(), &files());
    assert!(!report.has_errors(), "{}", report.to_text());
    let (second, again) = after(&first, &files());
    assert_eq!(same(&first, &IDS, &second), IDS);
    assert_eq!(report, again);
    let (third, _) = after(&second, &files());
    assert_eq!(same(&first, &IDS, &third), IDS);
}

#[test]
fn a_change_of_any_layer_compiles_what_lies_over_it() {
    let (first, _) = after(&Catalog::default(), &files());
    for (changed, kept) in [
        (0, &["base", "top", "alone"][..]),
        (1, &["alone", "wide"]),
        (2, &["base", "alone", "wide"]),
        (3, &["base", "top", "wide"]),
        (4, &["base", "top", "alone"]),
    ] {
        let mut files = files();
        let text = format!("{}# changed\n", &*files[changed].text);
        files[changed].text = text.into();
        let (second, _) = after(&first, &files);
        assert_eq!(same(&first, &IDS, &second), kept, "file {changed}");
    }
}

#[test]
fn the_name_of_a_file_and_the_variables_count_too() {
    let (first, _) = after(&Catalog::default(), &files());
    let mut files = files();
    files[3].name = "renamed.yaml".into();
    let (second, _) = after(&first, &files);
    assert_eq!(same(&first, &IDS, &second), ["base", "top", "wide"]);
    let variables = BTreeSet::from(["SOME_VARIABLE".to_owned()]);
    let third = Catalog::compile_after(&second, &files, &variables, &mut Report::default());
    assert!(same(&second, &IDS, &third).is_empty());
}

#[test]
fn tests_of_built_in_files_are_there_for_a_check_and_not_for_a_gateway() {
    let tested = |id: &str| {
        let text = format!(
            "connector: {id}\nauth: none\ndomains: [{id}.test]\nroutes:\n  - action: thing.get\n    match: GET /things\n    tests: [{{ request: 'GET https://{id}.test/things', expect: {{}} }}]\n"
        );
        file(&format!("{id}.yaml"), &text)
    };
    let files = [built_in(tested("theirs")), tested("own")];
    let count = |catalog: &Catalog, id: &str| {
        let connector = catalog.get(id).unwrap();
        (connector.routes().count(), connector.tests().len())
    };
    let checked = Catalog::compile(&files, &mut Report::default());
    let (serving, report) = after(&Catalog::default(), &files);
    assert!(!report.has_errors());
    assert_eq!(
        (count(&checked, "theirs"), count(&checked, "own")),
        ((1, 1), (1, 1))
    );
    assert_eq!(
        (count(&serving, "theirs"), count(&serving, "own")),
        ((1, 0), (1, 1))
    );
}

#[test]
fn what_was_said_of_an_unchanged_file_is_said_again() {
    let loud = connector(
        "loud",
        "  - { action: thing.delete, match: 'DELETE /things/{key}', risk: low }\n",
    );
    let (first, report) = after(&Catalog::default(), &[loud.clone(), connector("alone", "")]);
    assert!(!report.has_errors(), "{}", report.to_text());
    assert!(
        !report.diagnostics.is_empty(),
        "the file is worth a warning"
    );
    let files = [loud, connector("other", "")];
    let (second, again) = after(&first, &files);
    assert_eq!(same(&first, &["loud"], &second), ["loud"]);
    let (_, fresh) = after(&Catalog::default(), &files);
    assert_eq!(again, fresh);
}

#[test]
fn an_id_that_is_taken_meanwhile_is_a_conflict() {
    let (first, _) = after(&Catalog::default(), &[connector("one", "")]);
    let other = Source {
        name: "another.yaml".into(),
        ..connector("one", "")
    };
    for order in [
        [connector("one", ""), other.clone()],
        [other, connector("one", "")],
    ] {
        let (_, report) = after(&first, &order);
        let (_, fresh) = after(&Catalog::default(), &order);
        assert!(report.has_errors());
        assert_eq!(report, fresh);
    }
}

/// A step of an operator: which file, and what becomes of it.
fn step() -> impl Strategy<Value = (usize, u8)> {
    (0..5_usize, 0..4_u8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_reload_says_and_holds_what_a_start_does(steps in prop::collection::vec(step(), 1..8)) {
        let mut before = Catalog::default();
        let mut current = files();
        for (at, what) in steps {
            let original = files()[at].clone();
            let name = original.name.clone();
            current.retain(|file| file.name != name || file.built_in != original.built_in);
            let broken = format!("{}routes: 1\n", &*original.text);
            match what {
                0 => current.insert(0, original),
                1 => current.push(Source { text: format!("{}# {at}\n", &*original.text).into(), ..original }),
                2 => current.push(Source { text: broken.into(), ..original }),
                _ => {}
            }
            let (reloaded, report) = after(&before, &current);
            let (started, fresh) = after(&Catalog::default(), &current);
            prop_assert_eq!(&report, &fresh);
            let ids = |catalog: &Catalog| -> Vec<String> {
                let routes = catalog.connectors().map(|it| format!("{} {}", it.id(), it.routes().count()));
                routes.collect()
            };
            prop_assert_eq!(ids(&reloaded), ids(&started));
            // As the gateway does: what has errors does not come into force.
            if !report.has_errors() {
                before = reloaded;
            }
        }
    }
}
