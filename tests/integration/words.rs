//! Holds the names and comments that readers meet: words that were replaced stay out of code, keys and documents, and a comment says something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::architecture::sources::{code, files, is_word, without_tests};

/// Names that no file, module, type, function or field has, with what to say instead.
const NAMES: &[(&str, &str)] = &[
    ("anew", "reevaluate"),
    ("card", "ApprovalRequest"),
    ("cleared", "JudgedRequest"),
    ("concern", "Applicable"),
    ("desk", "ApprovalService"),
    ("foreign", "client_credential"),
    ("handed", "SocketActivation"),
    ("hold", "Waiter"),
    ("matter", "DecisionInput"),
    ("nearby", "Candidates"),
    ("ours", "GatewayResponse"),
    ("pace", "HeaderDeadline"),
    ("parting", "GroupInput"),
    ("passage", "tls_passthrough"),
    ("patience", "IdleTimeouts"),
    ("rehearsal", "policy_test"),
    ("sheet", "ActionCollector"),
    ("shelf", "PendingApprovals"),
    ("sites", "Endpoint"),
    ("speak", "evaluate"),
    ("spoken", "evaluate"),
    ("stand", "Precedence"),
    ("standing", "PermitValidity"),
    ("stranger", "unauthenticated"),
    ("strangers", "unauthenticated"),
    ("study", "simulate"),
    ("switches", "override_headers"),
    ("ticket", "OpenExchange"),
    ("trail", "DecisionRecorder"),
    ("void", "revoked"),
    ("understood", "JudgedRequest"),
    ("voice", "Verdict"),
    ("world", "ProcessEnv"),
];

/// Names that are words of the field elsewhere, and the folders where they were replaced.
const NAMES_BY_FOLDER: &[(&str, &[&str], &str)] = &[
    ("claim", &["policy"], "ActionMatch"),
    ("each", &["connector"], "batch"),
    ("issued", &["connector", "pipeline"], "response_secret"),
    ("line", &["limit"], "PreAuthQueue"),
    ("opening", &["limit", "policy", "proxy"], "PreAuth"),
    ("origin", &["pipeline", "policy"], "JudgedRequest"),
    (
        "openings",
        &["config", "limit", "proxy", "telemetry"],
        "unauthenticated",
    ),
    ("own", &["proxy"], "internal"),
    ("part", &["connector"], "Operation"),
    ("parts", &["pipeline", "cli"], "Dependencies"),
    ("places", &["proxy"], "Location"),
    ("rest", &["policy"], "RequestPayload"),
    ("terms", &["connector", "pipeline"], "RouteOptions"),
    ("ways", &["auth", "connector"], "placements"),
];

/// Names of types that stood for several things, and for how many they may still stand. Numbers only go down, to one.
const ONE_TYPE: &[(&str, usize)] = &[
    ("Answer", 1),
    ("Draft", 1),
    ("Entry", 1),
    ("Form", 1),
    ("Place", 1),
    ("Route", 1),
    ("Target", 1),
];

/// Keys, codes and records as operators write and read them, with their names of today.
const PUBLIC: &[(&str, &str)] = &[
    ("credential_issued", "response_secret"),
    ("foreign_credential", "client_credential"),
    ("holds_per_agent", "pending_approvals_per_agent"),
    ("openings_active", "unauthenticated_connections"),
    ("strangers.refused", "unauthenticated.refused"),
];

/// Phrases of documents and messages that say in our own words what the field has a word for.
const PHRASES: &[&str] = &[
    "takes force",
    "take force",
    "takes it force",
    "no route was for",
    "whoever",
    "strangers",
    "mends",
];

/// Phrases of comments that say in our own words what the field has a word for.
const COMMENT_PHRASES: &[&str] = &[
    "whoever",
    "in force",
    "become void",
    "a stranger",
    "anew",
    "takes force",
];

/// What a reader outside the code meets.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "connectors.d/README.md",
    "connectors.d/IMPORT.md",
    "policies.d/README.md",
    "benches/README.md",
    "tollgate.yaml",
];

#[test]
fn names_are_words_of_the_field() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        let folder = crate::architecture::folder(&file);
        let mut found = declared(&code(without_tests(&text)));
        found.extend(path_names(&file));
        for name in found {
            if let Some(better) = replaced(&name, &folder) {
                let place = format!("{}: `{name}` is `{better}` today", file.display());
                wrong.entry(folder.clone()).or_default().push(place);
            }
        }
    }
    shrinks(&wrong, &[]);
}

#[test]
fn a_name_stands_for_one_type() {
    let mut declaring: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        for name in types(&code(without_tests(&text))) {
            declaring
                .entry(name)
                .or_default()
                .push(file.display().to_string());
        }
    }
    let mut wrong = Vec::new();
    for (name, most) in ONE_TYPE {
        let found = declaring.get(*name).map_or(&[][..], Vec::as_slice);
        if found.len() > *most {
            wrong.push(format!(
                "`{name}` stands for {}: {}",
                found.len(),
                found.join(", ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_codes_and_records_have_one_name() {
    let mut wrong = Vec::new();
    let mut texts = files("src");
    texts.extend(documents());
    texts.extend(below("schemas", "json"));
    texts.extend(below("connectors.d", "yaml"));
    texts.extend(below("policies.d", "yaml"));
    for (file, text) in texts {
        for (old, new) in PUBLIC {
            if text
                .match_indices(old)
                .any(|(at, _)| alone(&text, at, old.len()))
            {
                wrong.push(format!("{}: `{old}` is `{new}` today", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documents_use_the_words_of_the_field() {
    let mut wrong = Vec::new();
    for (file, text) in documents() {
        for (number, line) in text.lines().enumerate() {
            let low = line.to_lowercase();
            for phrase in PHRASES.iter().filter(|phrase| low.contains(**phrase)) {
                wrong.push(format!("{}:{}: `{phrase}`", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_use_the_words_of_the_field() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        let folder = crate::architecture::folder(&file);
        for (number, line) in text.lines().enumerate() {
            let Some((_, comment)) = line.split_once("//") else {
                continue;
            };
            let low = comment.to_lowercase();
            for phrase in COMMENT_PHRASES.iter().filter(|phrase| {
                low.match_indices(**phrase)
                    .any(|(at, _)| alone(&low, at, phrase.len()))
            }) {
                let place = format!("{}:{}: `{phrase}`", file.display(), number + 1);
                wrong.entry(folder.clone()).or_default().push(place);
            }
        }
    }
    shrinks(&wrong, &[]);
}

#[test]
fn file_headers_begin_with_a_verb() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        let header = text.strip_prefix("//! ").unwrap_or_default();
        if !begins_with_a_verb(header) {
            let line = header.lines().next().unwrap_or_default();
            let place = format!("{}: {line}", file.display());
            let folder = crate::architecture::folder(&file);
            wrong.entry(folder).or_default().push(place);
        }
    }
    shrinks(&wrong, &[]);
}

#[test]
fn comments_say_more_than_three_words() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src") {
        let folder = crate::architecture::folder(&file);
        for (number, line) in short_comments(&text) {
            let place = format!("{}:{number}: {line}", file.display());
            wrong.entry(folder.clone()).or_default().push(place);
        }
    }
    shrinks(&wrong, &[]);
}

#[test]
fn the_checks_see_what_they_are_for() {
    let text = "struct Desk { card: Card }\nfn study(at: usize) {}\nlet x = own::y;";
    let names: Vec<_> = declared(text).into_iter().collect();
    assert_eq!(names, ["at", "card", "desk", "study"]);
    assert_eq!(replaced("own", "proxy"), Some("internal"));
    assert_eq!(replaced("own", "import"), None);
    assert_eq!(
        short_comments("/// Exact.\nfield: u8,\n/// One\n/// two\n").len(),
        1
    );
    assert!(begins_with_a_verb("Reads heads."));
    assert!(!begins_with_a_verb("Shape: heads in, bytes out."));
    assert!(!begins_with_a_verb("The end of a journal."));
    assert!(alone("limits.holds_per_agent:", 7, "holds_per_agent".len()));
    assert!(!alone("the_holds_per_agent", 4, "holds_per_agent".len()));
}

/// Returns what is declared in code: names of types, functions, modules, fields and arguments, in snake case.
fn declared(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let words = code
        .split(|c| !is_word(c) && c != ':')
        .filter(|word| !word.is_empty());
    let mut before = "";
    for word in words {
        let field = word.strip_suffix(':').filter(|name| !name.contains(':'));
        if let Some(name) = field {
            names.insert(snake(name));
        } else if ["struct", "enum", "trait", "type", "fn", "mod"].contains(&before) {
            names.insert(snake(word.trim_end_matches(':')));
        }
        before = word;
    }
    names.remove("");
    names
}

/// Returns the names of types that code declares, associated types aside.
fn types(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in code.lines() {
        let line = line
            .split_once("pub")
            .map_or(line, |(_, rest)| rest.trim_start_matches(|c| c != ' '));
        let mut words = line.split(|c| !is_word(c)).filter(|word| !word.is_empty());
        if let (Some("struct" | "enum" | "trait"), Some(name)) = (words.next(), words.next()) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn path_names(file: &Path) -> Vec<String> {
    let parts = file.iter().map(|part| part.to_string_lossy());
    parts
        .map(|part| part.trim_end_matches(".rs").to_owned())
        .collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// Returns what is said today instead of a name.
fn replaced(name: &str, folder: &str) -> Option<&'static str> {
    let everywhere = NAMES
        .iter()
        .find(|(old, _)| *old == name)
        .map(|(_, new)| *new);
    let here =
        |(old, folders, _): &&(&str, &[&str], &str)| *old == name && folders.contains(&folder);
    everywhere.or_else(|| NAMES_BY_FOLDER.iter().find(here).map(|(_, _, new)| *new))
}

/// Returns the doc comments of one line that have at most three words, with their lines.
fn short_comments(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_doc = |at: Option<usize>| {
        at.and_then(|at| lines.get(at))
            .is_some_and(|line| line.starts_with("///"))
    };
    let single =
        |at: usize| is_doc(Some(at)) && !is_doc(at.checked_sub(1)) && !is_doc(Some(at + 1));
    (0..lines.len())
        .filter(|at| single(*at))
        .filter(|at| {
            lines[*at]
                .trim_start_matches('/')
                .split_whitespace()
                .count()
                <= 3
        })
        .map(|at| (at + 1, lines[at].to_owned()))
        .collect()
}

/// Tells whether a sentence begins as `Reads …` does; a noun before a colon is none.
fn begins_with_a_verb(sentence: &str) -> bool {
    let first = sentence.split_whitespace().next().unwrap_or_default();
    let lower = first.strip_prefix(|c: char| c.is_ascii_uppercase());
    lower.is_some_and(|rest| rest.ends_with('s') && rest.chars().all(|c| c.is_ascii_lowercase()))
}

/// Tells whether what lies at a place of a text is a word of its own.
fn alone(text: &str, at: usize, length: usize) -> bool {
    let before = text[..at].chars().next_back();
    let behind = text[at + length..].chars().next();
    !before.is_some_and(is_word) && !behind.is_some_and(is_word)
}

fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &&str| {
        (
            PathBuf::from(name),
            fs::read_to_string(root.join(name)).unwrap(),
        )
    };
    DOCUMENTS.iter().map(read).collect()
}

fn below(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let all = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let wanted = all.filter(|path| path.extension().is_some_and(|is| is == extension));
    let found: Vec<_> = wanted
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    assert!(!found.is_empty(), "no {extension} in {folder}");
    found
}

/// Fails where a folder has more than its row says.
fn shrinks(found: &BTreeMap<String, Vec<String>>, left: &[(&str, usize)]) {
    let left: BTreeMap<&str, usize> = left.iter().copied().collect();
    let mut wrong = Vec::new();
    for (folder, places) in found {
        let allowed = left.get(folder.as_str()).copied().unwrap_or(0);
        if places.len() > allowed {
            let places = places.join("\n  ");
            wrong.push(format!(
                "{folder}: {allowed} are allowed, not these:\n  {places}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
