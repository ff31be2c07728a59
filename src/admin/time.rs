//! Reads moments as people write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::Problem;
use crate::model::show::escape;

/// Reads RFC 3339, or an age such as 15m, 2h or 7d that is counted back from now.
pub(super) fn moment(
    field: &str,
    text: &str,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, Problem> {
    let aged = || {
        let seconds = match text.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let count: i64 = text.get(..text.len() - 1)?.parse().ok()?;
        let age = count.checked_mul(seconds).filter(|age| *age >= 0)?;
        now.checked_sub(time::Duration::seconds(age))
    };
    let read = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(aged);
    read.ok_or_else(|| {
        let shown = escape(text);
        let detail = format!(
            "`{shown}` is not a time; write 2026-01-31T12:00:00Z, or an age such as 15m, 2h, 7d"
        );
        Problem::bad(field, detail)
    })
}
