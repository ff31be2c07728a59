//! Checks `log.level`.

use super::context::Context;
use crate::config::yaml::At;

pub(super) fn level(context: &mut Context<'_>, written: Option<&At<String>>) -> String {
    let default = "info".to_owned();
    let Some(at) = written else {
        return default;
    };
    let checked = check_log_filter(&at.value).map(|()| at.value.clone());
    context.checked(at, checked).unwrap_or(default)
}

/// A part of `log.level` that is neither a level nor `target=level`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a log level: write one of {}, or `target=level`",
    .0.escape_debug(),
    LEVELS.join(", ")
)]
pub struct LogFilterError(String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks a level or a list of `target=level`. What reads it later takes a misspelt level for a target, and logs nothing.
///
/// # Errors
/// Says which part is neither.
pub fn check_log_filter(filter: &str) -> Result<(), LogFilterError> {
    let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
    let is_target = |text: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
        !text.is_empty() && text.bytes().all(good)
    };
    for directive in filter.split(',').map(str::trim) {
        let good = match directive.split_once('=') {
            Some((target, level)) => is_target(target) && is_level(level),
            None => is_level(directive),
        };
        if !good {
            return Err(LogFilterError(directive.to_owned()));
        }
    }
    Ok(())
}
