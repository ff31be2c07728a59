//! Every file of `tests/connectors` shows one feature, and every built-in shows itself, by inline tests.

use tollgate::config::diagnostic::Source;
use tollgate::snapshot::{Inputs, Snapshot, built_in_connectors};
use tollgate::study::case;

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
        let mut connectors = vec![Source {
            name: name.as_str().into(),
            text: text.as_str().into(),
            built_in: false,
        }];
        if text.contains("\nextends:") {
            connectors.extend(built_in_connectors());
        }
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
