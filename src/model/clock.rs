//! Passes time as a value, so that a test can set it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// RFC 3339 in UTC with exactly three digits of a second, so that text sorts as time does.
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The same with six digits: a record of the journal says when it was made to the microsecond.
const MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Returns the wall-clock time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// Returns the machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// Returns a clock that a test moves.
    #[must_use]
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the present moment.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Returns the moment in UTC.
    #[must_use]
    pub fn utc(&self) -> OffsetDateTime {
        self.now().into()
    }

    /// Returns the moment as text: RFC 3339, UTC, in milliseconds.
    #[must_use]
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// Returns a moment as text: RFC 3339, UTC, in milliseconds.
#[must_use]
pub fn stamp(at: SystemTime) -> String {
    // A year that four digits do not hold is the only thing that does not format.
    OffsetDateTime::from(at).format(STAMP).unwrap_or_default()
}

/// Writes a moment as text: RFC 3339, UTC, in microseconds.
pub fn write_micros(at: SystemTime, out: &mut Vec<u8>) {
    let before = out.len();
    // A year that four digits do not hold is the only thing that does not format.
    if OffsetDateTime::from(at).format_into(out, MICROS).is_err() {
        out.truncate(before);
    }
}

/// Returns a moment as text: RFC 3339, UTC, in microseconds.
#[must_use]
pub fn micros(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(MICROS).unwrap_or_default()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
