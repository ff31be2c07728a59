//! `schemas/` holds what the types say, so that editors complete what the gateway reads.

use std::path::Path;

#[test]
fn published_schemas_are_those_of_the_readers() {
    for (name, schema) in tollgate::cli::schemas() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schemas")
            .join(name);
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == format!("{schema:#}\n"),
            "{} is old: `make schemas`",
            file.display()
        );
    }
}

#[test]
fn every_key_has_a_description() {
    fn look(name: &str, value: &serde_json::Value, missing: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            if key == "properties" {
                let keys = value.as_object().unwrap();
                let silent = keys
                    .iter()
                    .filter(|(_, value)| value.get("description").is_none());
                missing.extend(silent.map(|(key, _)| format!("{name}/{key}")));
            }
            look(&format!("{name}/{key}"), value, missing);
        }
    }
    let mut missing = Vec::new();
    for (name, schema) in tollgate::cli::schemas() {
        look(name, &schema, &mut missing);
    }
    assert_eq!(missing, [""; 0]);
}
