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
