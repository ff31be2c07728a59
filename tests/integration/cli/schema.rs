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

#[test]
fn every_text_with_a_form_has_an_example() {
    // Free text, and what a keyword says in full.
    const FREE: [&str; 5] = ["name", "docs", "text", "default", "version"];
    fn look(value: &serde_json::Value, missing: &mut Vec<String>) {
        let Some(map) = value.as_object() else { return };
        for (key, value) in map
            .get("properties")
            .and_then(|keys| keys.as_object())
            .into_iter()
            .flatten()
        {
            let text = value.to_string();
            let has_form = text.contains("\"string\"")
                && !["enum", "const", "examples"]
                    .iter()
                    .any(|word| text.contains(&format!("\"{word}\"")));
            if has_form && !FREE.contains(&key.as_str()) {
                missing.push(key.clone());
            }
        }
        map.values().for_each(|value| look(value, missing));
    }
    let mut missing = Vec::new();
    let (_, schema) = tollgate::cli::schemas()
        .into_iter()
        .find(|(name, _)| name.contains("connector"))
        .unwrap();
    look(&schema, &mut missing);
    assert_eq!(missing, [""; 0]);
}
