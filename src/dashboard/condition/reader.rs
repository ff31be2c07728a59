//! Reads the tokens of a condition back as rows; anything but the form that is written is none.

use super::tokens::Token;
use super::{CALLS, INFIX, NEGATIVE, Row};

/// Returns the rows that tokens are written as.
pub(super) fn rows_of(tokens: &[Token]) -> Option<Vec<Row>> {
    Reader { tokens }.rows()
}

/// Reads tokens from the front.
struct Reader<'t> {
    tokens: &'t [Token],
}

impl Reader<'_> {
    fn rows(&mut self) -> Option<Vec<Row>> {
        let mut rows = vec![self.row()?];
        while self.takes("&&") {
            rows.push(self.row()?);
        }
        self.tokens.is_empty().then_some(rows)
    }

    fn row(&mut self) -> Option<Row> {
        if self.takes("(") {
            return self.held_where_absent();
        }
        if !self.takes("!") {
            return self.guarded();
        }
        if !self.takes("(") {
            let field = self.has()?;
            return Some(Row {
                operator: "absent".to_owned(),
                ..Row::of(&field)
            });
        }
        let row = self.guarded()?;
        let negative = NEGATIVE
            .iter()
            .find(|(_, positive)| *positive == row.operator)?;
        self.takes(")").then(|| Row {
            operator: negative.0.to_owned(),
            ..row
        })
    }

    /// Reads the rest of `(!has(params.x) || params.x …)`.
    fn held_where_absent(&mut self) -> Option<Row> {
        let field = self.takes("!").then(|| self.has())??;
        let row = self.takes("||").then(|| self.test())??;
        let is_same = row.field == Row::of(&field).field;
        (self.takes(")") && is_same).then_some(row)
    }

    /// Reads `has(params.x) && params.x …`, a test of another field, or `has(params.x)` alone.
    fn guarded(&mut self) -> Option<Row> {
        if !matches!(self.tokens.first(), Some(Token::Name(name)) if name == "has") {
            return self.test();
        }
        let field = self.has()?;
        let next = self.tokens.get(..2);
        let is_guard = matches!(next, Some([Token::Sign(sign), Token::Name(name)])
            if sign == "&&" && without_call(name) == field);
        if is_guard {
            self.takes("&&");
            return self.test();
        }
        Some(Row {
            operator: "present".to_owned(),
            ..Row::of(&field)
        })
    }

    fn has(&mut self) -> Option<String> {
        let is_has = self.name()? == "has" && self.takes("(");
        let field = self.name().filter(|_| is_has)?;
        self.takes(")").then_some(field)
    }

    fn test(&mut self) -> Option<Row> {
        let name = self.name()?;
        if self.takes("(") {
            let (field, call) = name.rsplit_once('.')?;
            let (operator, _) = CALLS.iter().find(|(_, known)| *known == call)?;
            let (value, _) = self.value()?;
            return self.takes(")").then(|| Row {
                operator: (*operator).to_owned(),
                value,
                ..Row::of(field)
            });
        }
        if self.takes("in") {
            return self.one_of(&name);
        }
        let sign = self.sign()?;
        let (operator, _) = INFIX.iter().find(|(_, known)| *known == sign)?;
        let (value, kind) = self.value()?;
        Some(Row {
            operator: (*operator).to_owned(),
            value,
            kind: kind.to_owned(),
            ..Row::of(&name)
        })
    }

    fn one_of(&mut self, field: &str) -> Option<Row> {
        if !self.takes("[") {
            return None;
        }
        let (first, kind) = self.value()?;
        let mut values = vec![first];
        while self.takes(",") {
            values.push(self.value()?.0);
        }
        self.takes("]").then(|| Row {
            operator: "one_of".to_owned(),
            value: values.join(", "),
            kind: kind.to_owned(),
            ..Row::of(field)
        })
    }

    /// Reads a literal, and how its kind is written in a row.
    fn value(&mut self) -> Option<(String, &'static str)> {
        let (token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        match token {
            Token::Text(text) => Some((text.clone(), "")),
            Token::Number(text) => Some((text.clone(), "number")),
            Token::Name(name) if name == "true" || name == "false" => Some((name.clone(), "truth")),
            Token::Name(name) if name == "risk" && self.takes("(") => {
                let (value, _) = self.value()?;
                self.takes(")").then_some((value, ""))
            }
            Token::Name(_) | Token::Sign(_) => None,
        }
    }

    fn name(&mut self) -> Option<String> {
        let (first, rest) = self.tokens.split_first()?;
        let Token::Name(name) = first else {
            return None;
        };
        self.tokens = rest;
        Some(name.clone())
    }

    fn sign(&mut self) -> Option<String> {
        let (first, rest) = self.tokens.split_first()?;
        let Token::Sign(sign) = first else {
            return None;
        };
        self.tokens = rest;
        Some(sign.clone())
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let Some((first, rest)) = self.tokens.split_first() else {
            return false;
        };
        let is_it = match first {
            Token::Sign(sign) => sign == wanted,
            Token::Name(name) => name == wanted && wanted == "in",
            Token::Text(_) | Token::Number(_) => false,
        };
        if is_it {
            self.tokens = rest;
        }
        is_it
    }
}

impl Row {
    fn of(field: &str) -> Self {
        Self {
            field: field.strip_prefix("params.").unwrap_or(field).to_owned(),
            ..Self::default()
        }
    }
}

/// Returns `params.x` of `params.x.contains`.
fn without_call(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((field, call)) if CALLS.iter().any(|(_, known)| *known == call) => field,
        Some(_) | None => name,
    }
}
