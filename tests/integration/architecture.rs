//! Holds the ladder: folders import only downward, and each foreign crate is known in one place. ARCHITECTURE.md shows the same table.

mod circles;
mod dependencies;
mod imports;
mod paths;
mod size;
pub(crate) mod sources;
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::Imports;
use sources::sources;

/// Each folder, from the top, and what it may import. `main`, `lib` and `cli` see everything.
const LADDER: &[(&str, &[&str])] = &[
    ("dashboard", &["admin", "config", "import", "model"]),
    (
        "admin",
        &[
            "approval",
            "auth",
            "connector",
            "journal",
            "config",
            "kill_switch",
            "limit",
            "model",
            "policy",
            "roster",
            "simulate",
            "snapshot",
            "store",
            "vault",
        ],
    ),
    ("proxy", &["limit", "model", "pipeline", "telemetry"]),
    (
        "simulate",
        &[
            "config",
            "connector",
            "import",
            "journal",
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
            "journal",
            "auth",
            "connector",
            "egress",
            "kill_switch",
            "limit",
            "mask",
            "model",
            "outbound",
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
    ("sink", &["config", "journal", "model", "outbound"]),
    ("vault", &["config", "egress", "model", "outbound", "store"]),
    ("outbound", &["egress", "model"]),
    ("connector", &["auth", "config", "expression", "model"]),
    ("policy", &["config", "expression", "model"]),
    ("approval", &["model"]),
    ("journal", &["model"]),
    ("kill_switch", &["model"]),
    ("limit", &["model"]),
    ("mask", &["model"]),
    ("roster", &["model"]),
    ("egress", &["model"]),
    ("auth", &["config", "model"]),
    ("expression", &["model"]),
    ("store", &["model"]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("model", &[]),
];

/// A room, and the rooms that it may import.
type Room = (&'static str, &'static [&'static str]);

/// The rooms of a folder, from the top, and what each may import of the others.
const ROOMS: &[(&str, &[Room])] = &[(
    "connector",
    &[
        ("compile", &["lookup", "manifest", "model"]),
        ("read", &["lookup", "model"]),
        ("lookup", &["model"]),
        ("manifest", &[]),
        ("model", &[]),
    ],
)];

/// Foreign crates and the only places that may name them.
const KNOWN_ONLY_TO: &[(&str, &[&str])] = &[
    ("pingora", &["proxy"]),
    ("rcgen", &["proxy"]),
    (
        "rustls",
        &["proxy", "outbound", "admin/tls", "cli/remote", "cli/serve"],
    ),
    ("cel", &["expression"]),
    ("matchit", &["connector"]),
    ("jsonpath_rust", &["connector"]),
    ("apollo_parser", &["connector", "import"]),
    ("mediatype", &["model"]),
    ("memchr", &["connector", "journal", "mask", "proxy"]),
    ("ring", &["auth", "journal"]),
    ("aes_gcm", &["vault"]),
    ("argon2", &["vault"]),
    ("granit_parser", &["config/yaml"]),
    ("sqlx", &["store"]),
    ("askama", &["dashboard"]),
    ("axum", &["admin", "dashboard"]),
    ("tower", &["admin", "dashboard"]),
    ("utoipa", &["admin"]),
    ("utoipa_axum", &["admin"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("foldhash", &["model"]),
    ("governor", &["proxy"]),
    ("shlex", &["import"]),
    ("anyhow", &["cli"]),
    ("prometheus", &["telemetry"]),
    ("hickory_resolver", &["egress"]),
    ("listenfd", &["cli/socket_activation"]),
    ("mimalloc", &["main"]),
    ("libmimalloc_sys", &["main"]),
    ("notify", &["snapshot"]),
];

#[test]
fn folders_import_only_downward() {
    let mut wrong = Vec::new();
    let ladder: BTreeMap<&str, &[&str]> = LADDER.iter().copied().collect();
    let imports = Imports::of(&sources());
    for (module, imported) in imports.written() {
        let folder = module.split("::").next().unwrap();
        if ["", "main", "cli"].contains(&folder) {
            continue;
        }
        let Some(allowed) = ladder.get(folder) else {
            wrong.push(format!(
                "{module}: folder `{folder}` has no row in the ladder"
            ));
            continue;
        };
        let other = imported.split("::").next().unwrap();
        if other != folder && !allowed.contains(&other) {
            wrong.push(format!("{module}: `{folder}` may not import `{imported}`"));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_import_only_downward() {
    let mut wrong = Vec::new();
    let imports = Imports::of(&sources());
    for (folder, rooms) in ROOMS {
        let mut unused: BTreeSet<(&str, &str)> = rooms
            .iter()
            .flat_map(|(room, allowed)| allowed.iter().map(|name| (*room, *name)))
            .collect();
        for (module, imported) in imports.written() {
            let (Some(room), Some(other)) = (room_of(module, folder), room_of(imported, folder))
            else {
                continue;
            };
            let Some((_, allowed)) = rooms.iter().find(|(name, _)| *name == room) else {
                wrong.push(format!("{module}: room `{room}` of `{folder}` has no row"));
                continue;
            };
            if other != room && !allowed.contains(&other) {
                wrong.push(format!("{module}: `{room}` may not import `{imported}`"));
            }
            unused.remove(&(room, other));
        }
        if !unused.is_empty() {
            wrong.push(format!("{folder}: nothing imports so: {unused:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns which room of a folder a module is in; `None` for the folder's own file.
fn room_of<'m>(module: &'m str, folder: &str) -> Option<&'m str> {
    let below = module.strip_prefix(folder)?.strip_prefix("::")?;
    below.split("::").next()
}

#[test]
fn each_row_of_the_ladder_is_imported() {
    let imports = Imports::of(&sources());
    let found: BTreeSet<(&str, &str)> = imports
        .written()
        .map(|(module, imported)| {
            (
                module.split("::").next().unwrap(),
                imported.split("::").next().unwrap(),
            )
        })
        .collect();
    let unused: Vec<String> = LADDER
        .iter()
        .flat_map(|(folder, allowed)| allowed.iter().map(|name| (*folder, *name)))
        .filter(|pair| !found.contains(pair))
        .map(|(folder, name)| format!("`{folder}` imports nothing of `{name}`"))
        .collect();
    assert!(unused.is_empty(), "{}", unused.join("\n"));
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
    let sources: Vec<(PathBuf, String)> = sources()
        .into_iter()
        .map(|(file, text)| (file, sources::code(&text)))
        .collect();
    for (foreign, places) in KNOWN_ONLY_TO {
        let mut unused: BTreeSet<&str> = places.iter().copied().collect();
        for (file, code) in &sources {
            if !sources::names(code, foreign) {
                continue;
            }
            let path = file.with_extension("").to_string_lossy().into_owned();
            let home = places
                .iter()
                .find(|place| path == **place || path.starts_with(&format!("{place}/")));
            match home {
                Some(home) => {
                    unused.remove(home);
                }
                None => wrong.push(format!(
                    "{}: `{foreign}` is known only to {}",
                    file.display(),
                    places.join(", ")
                )),
            }
        }
        if !unused.is_empty() && !dependencies::AHEAD.contains(foreign) {
            wrong.push(format!(
                "`{foreign}` is not used in {unused:?}: take it out of the row"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_are_exposed_in_few_places() {
    let readers = ["auth", "vault", "roster", "egress", "mask", "model", "sink"];
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

pub(crate) fn folder(file: &Path) -> String {
    let first = file
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}
