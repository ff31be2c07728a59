//! Splits a shell command into words as the shell would, `$'…'` of bash included.

/// Splits a command into words. `None` where a quote is left open.
pub(crate) fn words(command: &str) -> Option<Vec<String>> {
    shlex::split(&plain(command)?)
}

/// Writes each `$'…'`, which browsers copy and POSIX shells do not know, as `'…'`.
fn plain(command: &str) -> Option<String> {
    let mut out = String::with_capacity(command.len());
    let mut quote = None;
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => {
                // A line that goes on.
                match rest.next() {
                    Some('\n') => {}
                    Some('\r') if rest.as_str().starts_with('\n') => {
                        rest.next();
                    }
                    escaped => {
                        out.push(c);
                        out.extend(escaped);
                    }
                }
                continue;
            }
            (None, '$') if rest.as_str().starts_with('\'') => {
                rest.next();
                let text = ansi(&mut rest)?;
                out.push_str(&format!("'{}'", text.replace('\'', "'\\''")));
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (_, _) => {}
        }
        out.push(c);
    }
    Some(out)
}

/// Reads to the quote that ends it.
fn ansi(rest: &mut std::str::Chars<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        let c = match rest.next()? {
            '\'' => return Some(text),
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => hex(rest, 4)?,
                'U' => hex(rest, 8)?,
                'x' => hex(rest, 2)?,
                other => other,
            },
            other => other,
        };
        text.push(c);
    }
}

/// Reads up to so many digits.
fn hex(rest: &mut std::str::Chars<'_>, most: usize) -> Option<char> {
    let digits: String = rest
        .as_str()
        .chars()
        .take(most)
        .take_while(char::is_ascii_hexdigit)
        .collect();
    rest.nth(digits.len().checked_sub(1)?);
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}
