//! The ladder: folders import only downward, and each foreign crate is known in one place. ARCHITECTURE.md shows the same table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder, from the top, and what it may import. `main`, `lib` and `cli` see everything.
const LADDER: &[(&str, &[&str])] = &[
    (
        "admin",
        &[
            "approval",
            "audit",
            "config",
            "kill_switch",
            "limit",
            "model",
            "roster",
            "store",
            "telemetry",
        ],
    ),
    (
        "proxy",
        &["config", "limit", "model", "pipeline", "telemetry"],
    ),
    (
        "study",
        &[
            "config",
            "connector",
            "import",
            "model",
            "pipeline",
            "policy",
            "snapshot",
            "vault",
        ],
    ),
    (
        "pipeline",
        &[
            "approval",
            "audit",
            "auth",
            "connector",
            "egress",
            "kill_switch",
            "limit",
            "model",
            "policy",
            "roster",
            "snapshot",
            "telemetry",
            "vault",
        ],
    ),
    (
        "snapshot",
        &["config", "connector", "model", "policy", "telemetry"],
    ),
    ("import", &["config", "connector", "model"]),
    ("connector", &["auth", "config", "expression", "model"]),
    ("policy", &["config", "expression", "model"]),
    ("approval", &["model"]),
    ("audit", &["model", "store"]),
    ("vault", &["model", "store"]),
    ("kill_switch", &["model"]),
    ("limit", &["model"]),
    ("roster", &["model"]),
    ("egress", &["config", "model"]),
    ("auth", &["config", "model"]),
    ("expression", &["model"]),
    ("store", &["model"]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("model", &[]),
];

/// Foreign crates and the only places that may name them.
const KNOWN_ONLY_TO: &[(&str, &[&str])] = &[
    ("pingora", &["proxy"]),
    ("rcgen", &["proxy"]),
    ("rustls", &["proxy", "cli/serve"]),
    ("cel", &["expression"]),
    ("matchit", &["connector"]),
    ("jsonpath_rust", &["connector"]),
    ("apollo_parser", &["connector", "import"]),
    ("memchr", &["connector", "proxy"]),
    ("aes_gcm", &["vault"]),
    ("argon2", &["vault"]),
    ("granit_parser", &["config/yaml"]),
    ("sqlx", &["store"]),
    ("rusqlite", &["store"]),
    ("axum", &["admin"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("foldhash", &["model"]),
    ("governor", &["proxy"]),
    ("shlex", &["import"]),
    ("anyhow", &["cli", "main"]),
    ("prometheus", &["telemetry"]),
    ("hickory_resolver", &["egress"]),
    ("listenfd", &["cli/handed"]),
    ("mimalloc", &["main"]),
    ("libmimalloc_sys", &["main"]),
    ("notify", &["snapshot"]),
];

#[test]
fn folders_import_only_downward() {
    let mut wrong = Vec::new();
    let ladder: BTreeMap<&str, &[&str]> = LADDER.iter().copied().collect();
    for (file, text) in sources() {
        let folder = folder(&file);
        if ["main", "lib", "cli"].contains(&folder.as_str()) {
            continue;
        }
        let Some(allowed) = ladder.get(folder.as_str()) else {
            wrong.push(format!(
                "{}: folder `{folder}` has no row in the ladder",
                file.display()
            ));
            continue;
        };
        for imported in crate_imports(&text) {
            if imported != folder && !allowed.contains(&imported.as_str()) {
                wrong.push(format!(
                    "{}: `{folder}` may not import `{imported}`",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_ladder_names_only_rows_below() {
    for (at, (folder, allowed)) in LADDER.iter().enumerate() {
        let below: BTreeSet<&str> = LADDER.iter().skip(at + 1).map(|(name, _)| *name).collect();
        for name in *allowed {
            assert!(
                below.contains(name),
                "`{folder}` names `{name}`, which is not below it"
            );
        }
    }
}

#[test]
fn each_foreign_crate_is_known_in_one_place() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let path = file.with_extension("").to_string_lossy().into_owned();
        for (foreign, places) in KNOWN_ONLY_TO {
            let names = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| {
                    line.match_indices(&format!("{foreign}::")).any(|(at, _)| {
                        let before = line[..at].chars().next_back();
                        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                    })
                });
            let home = places
                .iter()
                .any(|place| path == *place || path.starts_with(&format!("{place}/")));
            if names && !home {
                wrong.push(format!(
                    "{}: `{foreign}` is known only to {}",
                    file.display(),
                    places.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_are_exposed_in_few_places() {
    let readers = ["auth", "vault", "roster", "egress", "model"];
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(file, text)| {
            text.contains(".expose()") && !readers.contains(&folder(file).as_str())
        })
        .filter(|(file, _)| !file.starts_with("cli/serve"))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(
        wrong.is_empty(),
        "`.expose()` outside {readers:?}: {wrong:?}"
    );
}

#[test]
fn files_begin_with_a_sentence_and_stay_short() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not begin with `//! `", file.display()));
        }
        let code = text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or(&text)
            .lines()
            .count();
        if code > 400 {
            wrong.push(format!(
                "{}: {code} lines before tests; it has two subjects",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns every source file, by its path below `src/`, and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 20, "found only {} source files", found.len());
    found
}

fn folder(file: &Path) -> String {
    let first = file
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Returns the modules that a text names behind `crate::`.
fn crate_imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}
