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

/// Writes a moment as text: RFC 3339, UTC, in microseconds. Nothing is written for a year that four digits do not hold.
pub fn write_micros(at: SystemTime, out: &mut Vec<u8>) {
    let at = OffsetDateTime::from(at);
    let Ok(year @ 0..=9999) = u32::try_from(at.year()) else {
        return;
    };
    // By hand: every record has one, and interpreting a description of the format takes ten times as long.
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (place, number) in [
        (0..4, year),
        (5..7, u32::from(u8::from(at.month()))),
        (8..10, u32::from(at.day())),
        (11..13, u32::from(at.hour())),
        (14..16, u32::from(at.minute())),
        (17..19, u32::from(at.second())),
        (20..26, at.microsecond()),
    ] {
        let mut left = number;
        let digits = text.get_mut(place).unwrap_or_default();
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
        }
    }
    out.extend_from_slice(&text);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn microseconds_are_written_as_the_format_says(seconds in 0_u64..253_402_300_800, nanos in 0_u32..1_000_000_000) {
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
            let mut text = Vec::new();
            write_micros(at, &mut text);
            prop_assert_eq!(String::from_utf8(text).unwrap(), micros(at));
        }
    }
}
