//! Writes log lines to standard error and keeps the metrics that Prometheus scrapes.

mod lines;
pub mod metrics;

use std::fmt;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::field::Field;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::model::show::escape;

pub use lines::{Line, Lines};

/// The lines of this process, once logging has started.
static LINES: OnceLock<Lines> = OnceLock::new();

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Aligned text, for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Reasons why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Neither a level nor a list of `target=level`.
    #[error("`{filter}` is not a log filter: {reason}")]
    Filter {
        /// The filter as the operator wrote it.
        filter: String,
        /// The parser's own message.
        reason: String,
    },
    /// Only one can be installed in a process.
    #[error("logging was started already")]
    Started,
    /// Standard error is closed, or the system starts no thread.
    #[error("log lines cannot be written: {0}")]
    Unwritable(#[from] std::io::Error),
}

/// Starts logging to standard error for the whole process. From then on no thread waits for standard error, not even in a panic.
///
/// # Errors
///
/// If the filter is malformed, standard error cannot be written, or logging was started before.
pub fn start(filter: &str, format: Format) -> Result<(), LogError> {
    let ansi = std::io::stderr().is_terminal();
    let lines = Lines::to_stderr()?;
    subscriber(filter, format, ansi.into(), lines.clone())?
        .try_init()
        .map_err(|_| LogError::Started)?;
    // The standard hook writes to standard error itself, and would wait for it.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(panic = %panic, "a task has failed");
    }));
    let _ = LINES.set(lines);
    Ok(())
}

/// Writes a text among the log lines, as it is; nowhere where logging has not started.
pub fn say(text: &str) {
    if let Some(lines) = LINES.get() {
        lines.say(text.as_bytes());
    }
}

/// Waits until all lines so far are written, for at most `limit`.
pub fn flush(limit: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(limit);
    }
}

/// Returns how many lines could not be written.
#[must_use]
pub fn lines_dropped() -> u64 {
    LINES.get().map_or(0, Lines::dropped)
}

/// Whether lines carry colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Standard error is a terminal.
    On,
    /// A file or another program reads.
    Off,
}

impl From<bool> for Colours {
    fn from(terminal: bool) -> Self {
        if terminal { Self::On } else { Self::Off }
    }
}

/// Returns a subscriber that writes to `writer`; what `start` installs, and a test can use for one thread.
///
/// One event is one line, whatever its fields hold.
///
/// # Errors
/// When the filter cannot be read.
pub fn subscriber<W>(
    filter: &str,
    format: Format,
    colours: Colours,
    writer: W,
) -> Result<tracing::Dispatch, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| LogError::Filter {
            filter: filter.to_owned(),
            reason: error.to_string(),
        })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // They would go to standard error past the writer.
        .log_internal_errors(false)
        .with_ansi(colours == Colours::On);
    Ok(match format {
        Format::Text => builder
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish()
            .with(Discreet)
            .into(),
        Format::Json => builder
            .json()
            .flatten_event(true)
            .finish()
            .with(Discreet)
            .into(),
    })
}

/// Keeps other crates at `info`, whatever the filter says: below it, HTTP libraries write down the headers and bodies that they
/// carry, secrets among them.
struct Discreet;

impl<S: Subscriber> Layer<S> for Discreet {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("tollgate") || *metadata.level() <= Level::INFO
    }
}

/// Writes a field so that no value, shown by `%` or in the message, can begin a line, colour it or pretend to be a field.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let shown = escape(&text);
    match field.name() {
        "message" => writer.write_str(&shown),
        name if shown.contains([' ', '=']) && !shown.starts_with('"') => {
            write!(writer, "{name}={shown:?}")
        }
        name => write!(writer, "{name}={shown}"),
    }
}
