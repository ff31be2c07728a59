//! Reads the connector or policy files of directories, sorted by path.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Place, Report, Source};
use super::discovery;

/// Files of some directories.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Every `*.yaml` and `*.yml`, directory by directory, sorted by name.
    pub sources: Vec<Source>,
    /// How many files each directory has, in the order asked: one that had some and has none now is suspect.
    pub counts: Vec<(PathBuf, usize)>,
}

/// Reads all files of all directories, named relative to `base`.
///
/// Files that begin with a dot, and subdirectories, are left alone. Nothing is repeated of a file outside `root`, or else outside the
/// directory that it was found in.
///
/// # Errors
/// Every directory that is missing and every file that cannot be read, is not UTF-8, or is empty.
pub fn read_dirs(dirs: &[PathBuf], base: &Path, root: Option<&Path>) -> Result<Files, Report> {
    let mut report = Report::default();
    let mut files = Files::default();
    for dir in dirs {
        let mut count = 0;
        match list(dir) {
            Ok(paths) => {
                for path in paths {
                    count += 1;
                    match discovery::read_found(&path, base, root.unwrap_or(dir)) {
                        Ok(source) if source.text.trim().is_empty() => report.push(empty(source)),
                        Ok(source) => files.sources.push(source),
                        Err(problem) => report.push(problem),
                    }
                }
            }
            Err(error) => {
                let name = discovery::shown(dir, base);
                let message = format!("the directory `{name}` cannot be read: {error}");
                let source = Source::named(name);
                let place = Place::of(source);
                report.push(Diagnostic::error("missing-directory", message).at(place));
            }
        }
        files.counts.push((dir.clone(), count));
    }
    if report.has_errors() {
        Err(report)
    } else {
        Ok(files)
    }
}

/// Symbolic links are followed: Kubernetes mounts every key of a `ConfigMap` as one.
fn list(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reports an empty file: an editor may be saving it, and its rules must not be dropped by that.
fn empty(source: Source) -> Diagnostic {
    let message = format!("`{}` is empty", source.name);
    Diagnostic::error("empty-file", message)
        .at(Place::new(source, 1, 1))
        .help("remove the file if nothing is meant to be in it")
}
