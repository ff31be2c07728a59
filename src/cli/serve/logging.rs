//! Starts logging in the configured level and format.

use crate::cli::ProcessEnv;
use crate::cli::args::Serve;
use crate::cli::failure::Failure;
use crate::config::{Log, LogFormat};
use crate::telemetry::{self, Format};

/// Starts logging; `TOLLGATE_LOG` wins over the file.
pub(super) fn start(log: &Log, args: &Serve, process: &ProcessEnv) -> Result<(), Failure> {
    let level = process.variable("TOLLGATE_LOG").unwrap_or(&log.level);
    let format = match log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text if args.log_json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    crate::config::check_log_filter(level)
        .map_err(|error| Failure::failed("logging", error.to_string()))?;
    telemetry::start(level, format).map_err(|error| Failure::failed("logging", error.to_string()))
}
