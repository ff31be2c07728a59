//! Parses sizes, durations and rates: `1MiB`, `30s`, `50/s`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A number of bytes, written `512KiB`, `1MiB`, `2GiB` or `100B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// A length of time, written `250ms`, `30s`, `10m`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// How often something may happen, written `50/s` or `600/m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of events per minute.
    pub per_minute: u32,
}

/// Why a text is not a size, a length of time or a rate; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It does not have the form.
    #[error("`{0}` is not a size: write `512KiB`, `1MiB` or `2GiB`")]
    NotASize(String),
    /// More bytes than can be counted.
    #[error("`{0}` is too large")]
    TooLarge(String),
    /// It does not have the form.
    #[error("`{0}` is not a length of time: write `250ms`, `30s`, `10m`, `24h` or `7d`")]
    NotAPeriod(String),
    /// A period of more than a century.
    #[error("`{0}` is too long")]
    TooLong(String),
    /// It does not have the form.
    #[error("`{0}` is not a rate: write `50/s` or `600/m`")]
    NotARate(String),
    /// More in a minute than can be counted.
    #[error("`{0}` is too often")]
    TooOften(String),
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::NotASize(text.to_owned());
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        let bytes = number
            .checked_mul(factor)
            .and_then(|bytes| usize::try_from(bytes).ok());
        bytes
            .map(Self)
            .ok_or_else(|| UnitError::TooLarge(text.to_owned()))
    }
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::NotAPeriod(text.to_owned());
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor = match unit {
            "ms" => return Ok(Self(Duration::from_millis(number))),
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        // Timers add this to a clock, which overflows far beyond a century.
        let seconds = number
            .checked_mul(factor)
            .filter(|seconds| *seconds <= 100 * 366 * 86_400);
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| UnitError::TooLong(text.to_owned()))
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::NotARate(text.to_owned());
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let factor = match unit {
            "/s" => 60,
            "/m" => 1,
            _ => return Err(wrong()),
        };
        let number = u32::try_from(number).ok();
        number
            .and_then(|number| number.checked_mul(factor))
            .map(|per_minute| Self { per_minute })
            .ok_or_else(|| UnitError::TooOften(text.to_owned()))
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

/// Reads text by `FromStr`; a bare number has no unit and is told so.
struct Read<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err = UnitError>> Visitor<'_> for Read<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read("a size with its unit, as in `1MiB`", PhantomData))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read(
            "a length of time with its unit, as in `30s`",
            PhantomData,
        ))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read("a rate, as in `50/s`", PhantomData))
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[0-9]+ */(s|m)$",
            "description": "How often something may happen: `50/s`, `600/m`.",
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)$",
            "description": "A number of bytes: `512KiB`, `1MiB`.",
        })
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$",
            "description": "A length of time: `250ms`, `30s`, `10m`.",
        })
    }
}
