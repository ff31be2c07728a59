//! Evaluates conditions of common forms (names against literals, joined by `&&`, `||`, `!`) without CEL, at a tenth of its cost.
//!
//! INVARIANT: it says what CEL says, or nothing. Whatever is absent, of another type or over a limit is left to CEL, which fails
//! with a reason.

mod form;

use std::borrow::Cow;

use super::predicate::{Predicate, Unanswered, Values};
use super::scope::{Datum, Scope};

/// A condition that needs no CEL, unless a value is out of the ordinary.
#[derive(Debug)]
pub(crate) struct Plain(Predicate<Name>);

/// `params.a`, or `agent.labels.team` with a key.
#[derive(Debug)]
struct Name {
    root: Box<str>,
    field: Box<str>,
    key: Option<Box<str>>,
}

struct InScope<'s>(&'s dyn Scope);

impl Plain {
    /// Returns whether it holds; `None` where CEL must say.
    pub(crate) fn evaluate(&self, scope: &dyn Scope) -> Option<bool> {
        self.0.evaluate(&InScope(scope))
    }
}

impl Values<Name> for InScope<'_> {
    const UNANSWERED: Unanswered = Unanswered::StaysOpen;

    fn read<'v>(&'v self, name: &'v Name) -> Option<Datum<'v>> {
        let read = self.0.read(&name.root, &name.field)?;
        match (&name.key, read) {
            (None, read) => Some(read),
            (Some(key), Datum::Labels(labels)) => {
                let label = labels.get(&**key).map_or("", String::as_str);
                Some(Datum::Text(Cow::Borrowed(label)))
            }
            (Some(_), _) => None,
        }
    }
}
