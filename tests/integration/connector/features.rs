//! Every file of `tests/connectors` shows one feature, and every built-in shows itself, by inline tests.

use tollgate::config::diagnostic::{Report, Severity, Source};
use tollgate::connector::{Case, Catalog};

use super::{Ask, told};

fn check_files(directory: &str, least: usize) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut ran = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source {
            name: name.as_str().into(),
            text: text.into(),
            built_in: false,
        };
        let mut report = Report::default();
        let catalog = Catalog::compile(&[source], &mut report);
        if report.has_errors() {
            wrong.push(told(&report, Severity::Error));
        }
        for connector in catalog.connectors() {
            for case in connector.tests() {
                ran += 1;
                if let Err(message) = check_case(&catalog, case) {
                    wrong.push(format!("{name}:{}: {message}", case.place.line));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= least, "only {ran} tests");
}

fn check_case(catalog: &Catalog, case: &Case) -> Result<(), String> {
    let body = case.body.as_ref().map(ToString::to_string);
    let line = format!("{} {}", case.method, case.url);
    let ask = Ask {
        line: &line,
        headers: case.headers.clone(),
        body: body.as_deref(),
    };
    let actions = match (ask.of(catalog), &case.expect.refused) {
        (Err(error), Some(code)) if error.code == code => return Ok(()),
        (Err(error), _) => return Err(format!("refused: {} ({error})", error.code)),
        (Ok(_), Some(code)) => return Err(format!("not refused as {code}: {}", ask.told(catalog))),
        (Ok(actions), None) => actions,
    };
    let names: Vec<String> = actions
        .iter()
        .map(|action| action.name.to_string())
        .collect();
    let first = &actions[0];
    if case
        .expect
        .actions
        .as_ref()
        .is_some_and(|wanted| *wanted != names)
    {
        return Err(format!("read as {}", ask.told(catalog)));
    }
    if case.expect.risk.is_some_and(|wanted| wanted != first.risk) {
        return Err(format!("risk is {}", first.risk));
    }
    for (name, wanted) in &case.expect.params {
        let value = first
            .params
            .get(name)
            .map(|value| serde_json::to_value(value).unwrap());
        if value.as_ref() != Some(wanted) {
            return Err(format!("`{name}` is {value:?}, not {wanted}"));
        }
    }
    Ok(())
}

#[test]
fn every_feature_file_reads_as_it_says() {
    check_files("tests/connectors", 40);
}

#[test]
fn every_built_in_reads_as_it_says() {
    check_files("connectors.d", 50);
}
