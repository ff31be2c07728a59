//! Parses a store URL to a file path, which is taken literally: no escapes, no options.

use std::path::PathBuf;

use super::StoreError;

/// Returns the file that a url names.
pub(super) fn of(url: &str) -> Result<PathBuf, StoreError> {
    let bad = |reason: &str| StoreError::BadUrl(reason.to_owned());
    let (scheme, rest) = url.split_once(':').ok_or_else(|| bad("has no scheme"))?;
    match scheme {
        "sqlite" => {}
        "postgres" | "postgresql" => return Err(StoreError::Unsupported(scheme.to_owned())),
        other => {
            return Err(bad(&format!(
                "has the unknown scheme `{}`",
                other.escape_debug()
            )));
        }
    }
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(bad("names no file"));
    }
    if path.starts_with(':') {
        return Err(bad(
            "names a store in memory, which would not outlive the gateway",
        ));
    }
    if path.contains('?') || path.contains('\0') {
        return Err(bad("has options or a NUL, which are not supported"));
    }
    Ok(PathBuf::from(path))
}
