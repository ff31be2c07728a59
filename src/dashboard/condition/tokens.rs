//! Splits an expression into the tokens that built conditions consist of.

/// A token of an expression; white space does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name with its selections, as in `params.owner`.
    Name(String),
    /// A string, without its quotes.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// An operator or a bracket.
    Sign(String),
}

const SIGNS: [&str; 14] = [
    "&&", "||", "==", ">=", "<=", ">", "<", "!", "(", ")", "[", "]", ",", "-",
];

/// Returns the tokens; `None` where the text holds anything else.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => string(rest, first)?,
            c if c.is_ascii_digit() => number(rest),
            '-' if rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => number(rest),
            c if c.is_ascii_alphabetic() || c == '_' => name(rest),
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
                (Token::Sign((*sign).to_owned()), sign.len())
            }
        };
        found.push(token);
        rest = rest.get(length..)?.trim_start();
    }
    Some(found)
}

/// Reads a string; one in single quotes holds no escape here.
fn string(text: &str, quote: char) -> Option<(Token, usize)> {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    let end = end?.0;
    let written = text.get(..=end)?;
    let value = if quote == '"' {
        serde_json::from_str(written).ok()?
    } else {
        let inner = written.get(1..end)?;
        if inner.contains('\\') {
            return None;
        }
        inner.to_owned()
    };
    Some((Token::Text(value), end + 1))
}

fn number(text: &str) -> (Token, usize) {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let written: String = text.chars().take(length).collect();
    (Token::Number(written), length)
}

fn name(text: &str) -> (Token, usize) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let written: String = text.chars().take(length).collect();
    (Token::Name(written), length)
}
