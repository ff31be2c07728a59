//! Embeds `connectors.d/*.yaml` and `policies.d/examples/*.yaml`, so that adding a built-in connector or an example is adding a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    #[expect(
        clippy::disallowed_methods,
        reason = "a build script is told its output directory only by a variable"
    )]
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for (folder, list) in [
        ("connectors.d", "built_in.rs"),
        ("policies.d/examples", "policy_examples.rs"),
    ] {
        println!("cargo::rerun-if-changed={folder}");
        fs::write(out.join(list), embed(&root.join(folder))?)?;
    }
    Ok(())
}

/// Writes an expression: the name and the text of each YAML file of a folder.
fn embed(folder: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?,
        Err(_) => Vec::new(),
    };
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    let mut list = String::from("[\n");
    for file in &files {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a file's name is UTF-8")?;
        writeln!(list, "    ({name:?}, include_str!({:?})),", Path::new(file))?;
    }
    list.push_str("]\n");
    Ok(list)
}
