//! Every file of `tests/connectors` shows one feature, and every built-in shows itself, by inline tests.

use tollgate::config::diagnostic::Source;
use tollgate::connector::Catalog;
use tollgate::simulate::case;
use tollgate::snapshot::{Inputs, Snapshot, built_in_connectors, built_in_connectors_of};

/// Returns the built-in that a file extends.
fn built_in_below(text: &str) -> Vec<Source> {
    let below = text.lines().find_map(|line| line.strip_prefix("extends: "));
    below.map_or_else(Vec::new, |below| {
        built_in_connectors_of(&[below.to_owned()]).unwrap()
    })
}

fn check_files(directory: &str, least: usize) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut ran = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        // The folder has a page for people too.
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let own = Source {
            name: name.as_str().into(),
            text: text.as_str().into(),
            built_in: false,
        };
        let connectors = std::iter::once(own).chain(built_in_below(&text)).collect();
        let (snapshot, report) = Snapshot::compile(&Inputs {
            connectors,
            ..Inputs::default()
        });
        let Some(snapshot) = snapshot else {
            wrong.push(report.to_text());
            continue;
        };
        let tried = case::connectors(&snapshot, None);
        ran += tried.total;
        if tried.report.has_errors() {
            wrong.push(tried.report.to_text());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= least, "only {ran} tests");
}

#[test]
fn every_feature_file_reads_as_it_says() {
    check_files("tests/connectors", 40);
}

#[test]
fn every_built_in_reads_as_it_says() {
    check_files("connectors.d", 50);
}

/// Returns the YAML blocks of a page that are connectors.
fn examples(page: &str) -> Vec<String> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```"));
    let is_connector = |block: &&str| block.lines().any(|line| line.starts_with("connector:"));
    let found = blocks.map(|(block, _)| block).filter(is_connector);
    found.map(str::to_owned).collect()
}

#[test]
fn every_example_of_the_pages_reads_as_it_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "connectors.d/README.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let found = examples(&text);
        assert!(!found.is_empty(), "{page} has no example");
        for example in found {
            let below = built_in_below(&example);
            let own = Source {
                name: page.into(),
                text: example.into(),
                built_in: false,
            };
            let (snapshot, report) = Snapshot::compile(&Inputs {
                connectors: std::iter::once(own).chain(below).collect(),
                ..Inputs::default()
            });
            let snapshot = snapshot.unwrap_or_else(|| panic!("{}", report.to_text()));
            assert!(report.diagnostics.is_empty(), "{}", report.to_text());
            let tried = case::connectors(&snapshot, None);
            assert!(tried.total > 0, "{page}: an example without tests");
            assert!(!tried.report.has_errors(), "{}", tried.report.to_text());
        }
    }
}

#[test]
fn the_page_of_the_format_links_every_feature_file() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("connectors.d/README.md")).unwrap();
    for entry in std::fs::read_dir(root.join("tests/connectors")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let link = format!("(../tests/connectors/{name})");
        assert!(page.contains(&link), "{name} is not linked");
    }
    for link in page.split("](").skip(1) {
        let link = link.split(')').next().unwrap_or_default();
        let file = root.join("connectors.d").join(link);
        assert!(file.exists(), "`{link}` leads nowhere");
    }
}

#[test]
fn the_page_of_the_format_names_every_key() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("connectors.d/README.md")).unwrap();
    let schema = std::fs::read_to_string(root.join("schemas/connector.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let route = &schema["$defs"]["RouteEntry"]["properties"];
    for keys in [&schema["properties"], route] {
        let keys = keys.as_object().unwrap();
        assert!(keys.len() > 15);
        for key in keys.keys() {
            let word = |text: &str| {
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .any(|word| word == key)
            };
            assert!(word(&page), "`{key}` is not explained");
        }
    }
}

/// Returns what README says of the catalogue between its two marks.
fn told_of_the_catalogue() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("<!-- catalogue -->\n").unwrap();
    rest.split_once("<!-- /catalogue -->").unwrap().0.to_owned()
}

#[test]
fn readme_counts_the_actions_of_every_built_in_connector() {
    let mut report = tollgate::config::diagnostic::Report::default();
    let catalog = Catalog::compile(&built_in_connectors(), &mut report);
    let mut table = String::from("| connector | API | named actions |\n|---|---|--:|\n");
    let (mut connectors, mut total) = (0, 0);
    for connector in catalog.connectors() {
        let actions: std::collections::BTreeSet<String> = connector
            .routes()
            .map(|route| route.action.to_owned())
            .collect();
        table.push_str(&format!(
            "| `{}` | {} | {} |\n",
            connector.id(),
            connector.name(),
            actions.len()
        ));
        connectors += 1;
        total += actions.len();
    }
    let expected = format!("{connectors} connectors, {total} named actions:\n\n{table}");
    assert_eq!(
        told_of_the_catalogue(),
        expected,
        "put this between the marks in README.md:\n{expected}"
    );
}
