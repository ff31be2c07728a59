//! Finds the configuration file and the state directory. Without a file, nothing in the working directory is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, Source};
use super::{Args, Secrets};

const NAME: &str = "tollgate.yaml";

/// In the state directory: the path of the configuration that was chosen there.
const RECORD: &str = "config.path";

/// Reads the configuration: the file with its path, or `None` where there is none.
pub(super) fn find(args: &Args) -> Result<Option<(PathBuf, Source)>, Diagnostic> {
    locate(args)
        .map(|path| {
            let source = match (args.secrets, path.parent()) {
                // In a directory that was named to be checked: it may be untrusted.
                (Secrets::Unread, Some(root)) => read_found(&path, &args.cwd, root),
                _ => read(&path, &args.cwd),
            };
            source.map(|source| (path, source))
        })
        .transpose()
}

/// Returns where the configuration is, never by the working directory, which may be untrusted.
///
/// It is where it was asked for, where the state directory remembers it, or in a directory of the user's or the machine's.
#[must_use]
pub fn locate(args: &Args) -> Option<PathBuf> {
    if let Some(asked) = args.asked() {
        return Some(asked);
    }
    // One that is gone is told, not passed over: without its policies more would go.
    if let Some(recorded) = chosen_state_dir(args).and_then(|state| recorded(&state)) {
        return Some(recorded);
    }
    let home = directory(&args.env, "XDG_CONFIG_HOME", ".config");
    let home = home.map(|home| home.join("tollgate").join(NAME));
    let machine = Path::new("/etc/tollgate").join(NAME);
    home.into_iter().chain([machine]).find(|path| path.exists())
}

impl Args {
    /// Returns the file that the command line or the environment names.
    #[must_use]
    pub fn asked(&self) -> Option<PathBuf> {
        let variable = || self.env.get("TOLLGATE_CONFIG").map(PathBuf::from);
        let asked = self.config.clone().or_else(variable)?;
        Some(self.cwd.join(asked))
    }

    /// Returns a configuration in the working directory that is not the one in use.
    #[must_use]
    pub fn passed_over(&self) -> Option<PathBuf> {
        let beside = self.cwd.join(NAME);
        if self.asked().is_some() || !beside.exists() {
            return None;
        }
        let real = |path: &Path| path.canonicalize().ok();
        let taken = locate(self).and_then(|path| real(&path));
        (taken.is_none() || taken != real(&beside)).then_some(beside)
    }
}

/// Returns the state directory that the environment chooses, whatever a file says.
#[must_use]
pub fn chosen_state_dir(args: &Args) -> Option<PathBuf> {
    let variable = args.env.get("TOLLGATE_DATA_DIR");
    let variable = variable.filter(|path| !path.is_empty());
    variable
        .map(|path| args.cwd.join(path))
        .or_else(|| state_dir(&args.env))
}

/// Returns the configuration that a state directory remembers.
#[must_use]
pub fn recorded(state: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(state.join(RECORD)).ok()?;
    let path = PathBuf::from(text.trim_end_matches('\n'));
    path.is_absolute().then_some(path)
}

/// Returns the file in which a state directory remembers its configuration.
#[must_use]
pub fn record(state: &Path) -> PathBuf {
    state.join(RECORD)
}

/// Returns where state goes when nothing says where.
#[must_use]
pub fn state_dir(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    directory(env, "XDG_STATE_HOME", ".local/state").map(|home| home.join("tollgate"))
}

/// A relative XDG variable is ignored, as the XDG Base Directory Specification says.
fn directory(env: &BTreeMap<String, String>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env.get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

/// As [`read`], of a file that was found and not named: where it lies outside `root`, all links resolved, nothing of what it says
/// is ever repeated. Kubernetes mounts files as links to `..data` beside them, which stay inside.
pub(super) fn read_found(path: &Path, base: &Path, root: &Path) -> Result<Source, Diagnostic> {
    // A pipe would be waited for, a device read without end.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let name = shown(path, base);
        let message = format!("`{name}` is not a file");
        let source = Source::named(name);
        let place = Place::of(source);
        return Err(Diagnostic::error("unreadable-file", message).at(place));
    }
    let source = read(path, base)?;
    Ok(if is_below(path, root) {
        source
    } else {
        Source {
            text: source.text.unquotable(),
            ..source
        }
    })
}

/// Returns whether a file lies below a directory, all links resolved.
fn is_below(path: &Path, root: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    resolved(path)
        .zip(resolved(root))
        .is_some_and(|(file, root)| file.starts_with(root))
}

/// Reads a file of operators into a source that is named as seen from `base`.
pub(super) fn read(path: &Path, base: &Path) -> Result<Source, Diagnostic> {
    let name = shown(path, base);
    let problem = |code, message: String, line, column| {
        let source = Source::named(Arc::clone(&name));
        Diagnostic::error(code, message).at(Place::new(source, line, column))
    };
    let bytes = std::fs::read(path).map_err(|error| {
        problem(
            "unreadable-file",
            format!("`{name}` cannot be read: {error}"),
            0,
            0,
        )
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let good = error
                .as_bytes()
                .get(..error.utf8_error().valid_up_to())
                .unwrap_or_default();
            let good = String::from_utf8_lossy(good);
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Err(
                problem("not-utf8", format!("`{name}` is not UTF-8"), line, column)
                    .help("save the file as UTF-8"),
            )
        }
    }
}

/// Returns a path as an operator at `base` would write it.
pub(super) fn shown(path: &Path, base: &Path) -> Arc<str> {
    let below = path.strip_prefix(base).unwrap_or(path);
    let shown = if below.as_os_str().is_empty() {
        path
    } else {
        below
    };
    shown.to_string_lossy().into()
}
