//! Reads the source files, and tells code from comments and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns every source file, by its path below `src/`, and its text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let found = files("src");
    assert!(found.len() > 20, "found only {} source files", found.len());
    found
}

/// Returns every Rust file below a folder of the project, by its path below that folder, and its text.
pub(crate) fn files(below: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
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
    found.sort();
    found
}

/// Returns a file without the tests at its end.
pub(crate) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Returns a text without its comments, and its strings empty. Characters such as `'"'` are kept apart from strings.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let raw = raw_string(rest).filter(|_| !out.ends_with(is_word));
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = raw {
            out.push_str("\"\"");
            length
        } else if first == '"' {
            out.push_str("\"\"");
            plain_string(rest)
        } else if ["'\"'", "'\\\"'", "b'\"'"]
            .iter()
            .any(|quote| rest.starts_with(quote))
        {
            rest[1..].find('"').unwrap() + 3
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    out
}

/// Tells whether `code` names a crate or module as the first segment of a path.
pub(crate) fn names(code: &str, first: &str) -> bool {
    code.match_indices(first).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let behind = &code[at + first.len()..];
        let path = behind.starts_with("::");
        let import = code[..at].ends_with("use ") && behind.starts_with([';', ' ']);
        !before.is_some_and(|c| is_word(c) || c == ':') && (path || import)
    })
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn plain_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string that a text begins with.
fn raw_string(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('r')?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    inner[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = 1 + hashes + 1;
    Some(begin + text[begin..].find(&end)? + end.len())
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = "a // crate::b\n\"crate::c \\\" crate::d\" r#\"crate::\"e\"# '\"' crate::f";
    assert_eq!(code(text), "a \n\"\" \"\"  crate::f");
    assert!(names("use governor;", "governor"));
    assert!(names("    governor::Quota", "governor"));
    assert!(!names("self::governor::Quota", "governor"));
}
