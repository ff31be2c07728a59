//! Holds what the checks share: the file, its directory, the variables, and the report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::Secrets;
use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::secret_source::SecretSource;
use crate::config::small_file;
use crate::config::yaml::At;
use crate::model::secret::Secret;

/// Shortest token, in characters.
const MIN_TOKEN: usize = 20;
/// Largest file of a secret, in bytes.
const MAX_SECRET: usize = 64 * 1024;

/// Shared state of the checks of one file.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) source: &'a Source,
    pub(super) base: &'a Path,
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) secrets: Secrets,
    pub(super) report: &'a mut Report,
    /// Hashes of the tokens seen; two owners of one token could not be told apart.
    pub(super) tokens: BTreeSet<[u8; 32]>,
    /// Names of variables from which secrets are read.
    pub(super) variables: BTreeSet<String>,
}

impl Context<'_> {
    /// Returns where a value was written; variables have no line.
    pub(super) fn place<T>(&self, at: &At<T>) -> Place {
        let mut place = at.place(self.source, "");
        if place.line == 0 {
            place.source = Source::named("the environment");
        }
        place
    }

    pub(super) fn error<T>(&mut self, code: &'static str, message: impl Into<String>, at: &At<T>) {
        let place = self.place(at);
        self.report.push(Diagnostic::error(code, message).at(place));
    }

    /// Reports only if the report is empty: a missing value may be one that an earlier error left out.
    pub(super) fn first_error<T>(&mut self, code: &'static str, message: &str, at: &At<T>) {
        if self.report.diagnostics.is_empty() {
            self.error(code, message, at);
        }
    }

    /// Reports a problem without showing the line, which may hold a password.
    pub(super) fn secret_error<T>(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        at: &At<T>,
    ) {
        let mut place = self.place(at);
        place.source.text = place.source.text.erased();
        self.report.push(Diagnostic::error(code, message).at(place));
    }

    /// As [`Self::unsupported`], without showing the line.
    pub(super) fn unsupported_secret<T>(&mut self, key: &str, at: Option<&At<T>>) {
        if let Some(at) = at {
            self.secret_error("unsupported", format!("`{key}` is not supported yet"), at);
        }
    }

    /// Reports a valid key that this version does not support.
    pub(super) fn unsupported<T>(&mut self, key: &str, at: Option<&At<T>>) {
        if let Some(at) = at {
            self.error("unsupported", format!("`{key}` is not supported yet"), at);
        }
    }

    /// Returns the value, or reports why it is none.
    pub(super) fn checked<T, V, E: std::fmt::Display>(
        &mut self,
        at: &At<T>,
        result: Result<V, E>,
    ) -> Option<V> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error("invalid-value", error.to_string(), at);
                None
            }
        }
    }

    /// Returns a path; one that begins with `~` would be a directory of that name, since no shell has read it.
    pub(super) fn path(&mut self, at: &At<String>) -> PathBuf {
        if at.value == "~" || at.value.starts_with("~/") {
            let message = format!("`{}` is not expanded: write the whole path", at.value);
            self.error("invalid-value", message, at);
        }
        self.base.join(&at.value)
    }

    /// Returns the path of a file that need not exist yet.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Returns the path of a file that must exist.
    pub(super) fn file(&mut self, at: &At<String>) -> PathBuf {
        let path = self.path(at);
        if !path.is_file() {
            self.error(
                "missing-file",
                format!("there is no file `{}`", at.value),
                at,
            );
        }
        path
    }

    /// Returns the path of a directory that must exist.
    pub(super) fn directory(&mut self, at: &At<String>) -> PathBuf {
        let path = self.path(at);
        if !path.is_dir() {
            self.error(
                "missing-directory",
                format!("there is no directory `{}`", at.value),
                at,
            );
        }
        path
    }

    /// Reads a secret from its file or variable.
    pub(super) fn secret<T>(&mut self, source: &SecretSource, at: &At<T>) -> Option<Secret> {
        self.bytes(source, at)
            .map(|mut bytes| Secret::new(std::mem::take(&mut *bytes)))
    }

    /// Reads a secret that is sent as the value of a header.
    pub(super) fn header_value(&mut self, at: &At<SecretSource>) -> Option<Secret> {
        let mut bytes = self.bytes(&at.value, at)?;
        // RFC 9110 section 5.5, without the obsolete bytes above ASCII.
        if !bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            self.error(
                "invalid-secret",
                "the secret does not fit into a header",
                at,
            );
        }
        Some(Secret::new(std::mem::take(&mut *bytes)))
    }

    /// Reads a variable that holds a secret.
    pub(super) fn variable(&mut self, name: &At<String>) -> Option<Secret> {
        self.secret(&SecretSource::Env(name.value.clone()), name)
    }

    /// Reads a token, which must fit into a header and be hard to guess.
    pub(super) fn token(&mut self, at: &At<SecretSource>) -> Option<Secret> {
        let mut bytes = self.bytes(&at.value, at)?;
        let before = self.report.diagnostics.len();
        if bytes.len() < MIN_TOKEN {
            self.error(
                "weak-token",
                format!("this token is shorter than {MIN_TOKEN} characters"),
                at,
            );
        }
        if !bytes.iter().all(u8::is_ascii_graphic) {
            self.error(
                "invalid-token",
                "a token is visible ASCII characters without spaces",
                at,
            );
        }
        if !self.tokens.insert(Sha256::digest(&*bytes).into()) {
            self.error(
                "duplicate-token",
                "another agent or operator has the same token",
                at,
            );
        }
        (self.report.diagnostics.len() == before).then(|| Secret::new(std::mem::take(&mut *bytes)))
    }

    fn note_variable(&mut self, name: &str) -> Option<&String> {
        self.variables.insert(name.to_owned());
        self.env.get(name)
    }

    fn bytes<T>(&mut self, source: &SecretSource, at: &At<T>) -> Option<Zeroizing<Vec<u8>>> {
        if self.secrets == Secrets::Unread {
            if let SecretSource::Env(name) = source {
                self.note_variable(name);
            }
            return None;
        }
        let found = match source {
            SecretSource::File(path) => {
                // With the line break at its end, which does not count.
                let read = small_file::read(&self.base.join(path), MAX_SECRET + 2);
                read.map_err(|error| {
                    (
                        "missing-file",
                        format!("the secret file `{path}` cannot be read: {error}"),
                    )
                })
            }
            SecretSource::Env(name) => match self.note_variable(name) {
                Some(value) => Ok(Zeroizing::new(value.clone().into_bytes())),
                None => Err((
                    "missing-variable",
                    format!("the variable `{name}` is not set"),
                )),
            },
        };
        let mut bytes = match found {
            Ok(bytes) => bytes,
            Err((code, message)) => {
                if self.secrets == Secrets::Needed {
                    self.error(code, message, at);
                }
                return None;
            }
        };
        if matches!(source, SecretSource::File(_)) && bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() || bytes.len() > MAX_SECRET {
            self.error(
                "invalid-secret",
                format!("a secret has 1 to {MAX_SECRET} bytes"),
                at,
            );
            return None;
        }
        Some(bytes)
    }
}
