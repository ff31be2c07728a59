//! Maps SQLite's error codes to errors that a command can act on.

use crate::store::StoreError;

/// Names what went wrong.
pub(super) fn of(path: &str, error: &sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match error {
        sqlx::Error::PoolTimedOut => StoreError::Locked(path),
        sqlx::Error::Io(error) => StoreError::Unreachable {
            path,
            detail: error.to_string(),
        },
        _ => match error.as_database_error() {
            Some(fault) => {
                let code = fault.code().and_then(|code| code.parse().ok()).unwrap_or(0);
                of_code(path, code, fault.message().to_owned())
            }
            None => StoreError::Failed {
                path,
                detail: error.to_string(),
            },
        },
    }
}

/// Reads the primary result code, the low byte of an extended one: <https://www.sqlite.org/rescode.html>.
fn of_code(path: String, code: i32, detail: String) -> StoreError {
    match code & 0xff {
        5 | 6 | 15 => StoreError::Locked(path),
        8 => StoreError::ReadOnly(path),
        11 | 26 => StoreError::Corrupt { path, detail },
        13 => StoreError::Full(path),
        3 | 14 | 23 => StoreError::Unreachable { path, detail },
        _ => StoreError::Failed { path, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::of_code;

    #[test]
    fn names_each_fault() {
        let text = |code| of_code("s.db".to_owned(), code, "why".to_owned()).to_string();
        assert_eq!(text(5), "the store `s.db` is locked by another process");
        assert_eq!(text(517), "the store `s.db` is locked by another process");
        assert_eq!(text(8), "the store `s.db` is read-only");
        assert_eq!(text(1032), "the store `s.db` is read-only");
        assert_eq!(text(11), "the store `s.db` is damaged (why)");
        assert_eq!(text(13), "the disk of the store `s.db` is full");
        assert_eq!(text(14), "the store `s.db` cannot be opened (why)");
        assert_eq!(text(10), "the store `s.db` failed (why)");
    }
}
