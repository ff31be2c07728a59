//! Where the configuration file and the state directory are. Without a file nothing in the working directory is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Args;
use super::diagnostic::{Diagnostic, Place, Source};

const NAME: &str = "tollgate.yaml";

/// Reads the configuration: the file with its path, or `None` where there is none.
pub(super) fn find(args: &Args) -> Result<Option<(PathBuf, Source)>, Diagnostic> {
    let asked = args
        .config
        .clone()
        .or_else(|| args.env.get("TOLLGATE_CONFIG").map(PathBuf::from));
    if let Some(path) = asked {
        let path = args.cwd.join(path);
        return read(&path, &args.cwd).map(|source| Some((path, source)));
    }
    let mut places = vec![args.cwd.join(NAME)];
    places.extend(
        directory(&args.env, "XDG_CONFIG_HOME", ".config")
            .map(|home| home.join("tollgate").join(NAME)),
    );
    places.push(Path::new("/etc/tollgate").join(NAME));
    let found = places.into_iter().find(|path| path.exists());
    found
        .map(|path| read(&path, &args.cwd).map(|source| (path, source)))
        .transpose()
}

/// Returns where state goes when the file does not say.
pub(super) fn state_dir(env: &BTreeMap<String, String>) -> Option<PathBuf> {
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

/// Reads a file of operators into a source that is named as seen from `base`.
pub(super) fn read(path: &Path, base: &Path) -> Result<Source, Diagnostic> {
    let name = shown(path, base);
    let problem = |code, message: String, line, column| {
        let source = Source {
            name: Arc::clone(&name),
            text: "".into(),
            built_in: false,
        };
        Diagnostic::error(code, message).at(Place {
            source,
            line,
            column,
            note: String::new(),
        })
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
        Ok(text) => Ok(Source {
            name,
            text: text.into(),
            built_in: false,
        }),
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
