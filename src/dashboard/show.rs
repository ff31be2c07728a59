//! Renders what every page shows alike: times, decisions, risks and ids. Colour never stands alone: a shape and a word say it too.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Characters of a text in a table's cell.
const IN_A_CELL: usize = 120;

/// A moment: how long ago, and exactly when on hover.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"{% if exact.is_empty() %}<span class="quiet">–</span>{% else %}<time datetime="{{ exact }}" title="{{ exact }}">{{ text }}</time>{% endif %}"#,
    ext = "html"
)]
pub(super) struct When {
    exact: String,
    text: String,
}

/// A decision, a risk or a status, as shape and word.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<span class="mark {{ class }}"><span aria-hidden="true">{{ shape }}</span> {{ word }}</span>"#,
    ext = "html"
)]
pub(super) struct Mark {
    class: &'static str,
    shape: &'static str,
    word: String,
}

/// An id, with a button that copies it.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<span class="id"><code>{{ shown }}</code><button type="button" class="copy" data-copy="{{ id }}" aria-label="Copy {{ id }}" title="Copy {{ id }}">copy</button></span>"#,
    ext = "html"
)]
pub(super) struct Id {
    shown: String,
    id: String,
}

impl When {
    /// Reads RFC 3339; anything else is shown as it is.
    pub(super) fn of(stamp: &str, now: OffsetDateTime) -> Self {
        let text = match OffsetDateTime::parse(stamp, &Rfc3339) {
            Ok(moment) => relative((now - moment).whole_seconds()),
            Err(_) => stamp.to_owned(),
        };
        Self {
            exact: stamp.to_owned(),
            text,
        }
    }
}

impl Mark {
    /// Shows `allow`, `require_approval` or `deny`.
    pub(super) fn decision(decision: &str) -> Self {
        let (class, shape, word) = match decision {
            "allow" => ("allow", "✓", "allowed"),
            "deny" => ("deny", "✕", "denied"),
            "require_approval" => ("ask", "?", "asked"),
            other => ("plain", "·", other),
        };
        Self::of(class, shape, word)
    }

    /// Shows `low`, `medium`, `high` or `critical`.
    pub(super) fn risk(risk: &str) -> Self {
        let (class, shape) = match risk {
            "low" => ("low", "○"),
            "medium" => ("medium", "◐"),
            "high" => ("high", "●"),
            "critical" => ("critical", "◆"),
            _ => ("plain", "·"),
        };
        Self::of(class, shape, risk)
    }

    /// Shows the status of an approval.
    pub(super) fn approval(status: &str) -> Self {
        let (class, shape) = match status {
            "pending" => ("ask", "?"),
            "approved" | "used" => ("allow", "✓"),
            "denied" => ("deny", "✕"),
            _ => ("plain", "·"),
        };
        Self::of(class, shape, status)
    }

    fn of(class: &'static str, shape: &'static str, word: &str) -> Self {
        Self {
            class,
            shape,
            word: word.to_owned(),
        }
    }
}

impl Id {
    pub(super) fn of(id: &str) -> Self {
        Self {
            shown: brief(id),
            id: id.to_owned(),
        }
    }
}

/// Returns how long ago so many seconds are; negative ones are ahead.
fn relative(seconds: i64) -> String {
    let length = seconds.unsigned_abs();
    let (count, unit) = match length {
        0..=89 => (length, "s"),
        90..=5399 => (length / 60, "min"),
        5400..=172_799 => (length / 3600, "h"),
        _ => (length / 86_400, "days"),
    };
    if seconds < 0 {
        format!("in {count} {unit}")
    } else {
        format!("{count} {unit} ago")
    }
}

/// Returns the beginning of a text that may be long.
pub(super) fn brief(text: &str) -> String {
    let mut shown: String = text.chars().take(IN_A_CELL).collect();
    if text.chars().nth(IN_A_CELL).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns a number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..=1023 => format!("{count} B"),
        1024..=1_048_575 => format!("{} KiB", count / 1024),
        _ => format!("{} MiB", count / 1_048_576),
    }
}

/// Returns a number of microseconds for people.
pub(super) fn micros(count: u64) -> String {
    match count {
        0..=999 => format!("{count} µs"),
        1000..=999_999 => format!("{}.{} ms", count / 1000, count % 1000 / 100),
        _ => format!("{}.{} s", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// Returns the highest of some risks.
pub(super) fn highest<'r>(risks: impl Iterator<Item = &'r str>) -> &'static str {
    const ORDER: [&str; 4] = ["low", "medium", "high", "critical"];
    let rank = risks.filter_map(|risk| ORDER.iter().position(|known| *known == risk));
    rank.max()
        .and_then(|rank| ORDER.get(rank))
        .copied()
        .unwrap_or("")
}

/// Answers with a page.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
