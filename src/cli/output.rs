//! Writes to standard output and standard error; no other file does.
//!
//! INVARIANT: what agents and upstreams control is escaped before it gets here, by `Output::line`'s callers through `escape`;
//! a closed pipe ends the command quietly.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Exit, Failure};
use crate::model::show::escape;

/// Streams that a command writes to.
#[derive(Debug, Clone)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Returns whether `--json` was given.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one line to standard output.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }

    /// Writes text as it is.
    pub(super) fn raw(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// Writes a document, indented. JSON escapes control characters; bidi and zero-width ones are escaped here.
    pub(super) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&as_json(value, Layout::Indented)?)
    }

    /// Writes a document on one line, for streams.
    pub(super) fn document_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&as_json(value, Layout::Line)?)
    }

    /// Writes one line to standard error and ignores failures.
    pub(super) fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes warnings to standard error.
    pub(super) fn warn_all(&self, warnings: &[String]) {
        for warning in warnings {
            self.note(&format!("warning: {}", escape(warning)));
        }
    }

    /// Asks a person on standard error, without a line break.
    pub(super) fn prompt(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Writes text to standard error as it is.
    pub(super) fn warn_raw(&self, text: &str) -> Result<(), Failure> {
        Ok(io::stderr().lock().write_all(text.as_bytes())?)
    }

    /// Prints a failure on standard error and returns the exit code.
    pub(super) fn failure(&self, failure: &Failure) -> Exit {
        let Failure::Told(problem) = failure else {
            return Exit::Done;
        };
        if self.json {
            self.note(&as_json(&problem.document(), Layout::Indented).unwrap_or_default());
        } else {
            self.note(&problem.to_text());
        }
        problem.exit
    }
}

#[derive(Debug, Clone, Copy)]
enum Layout {
    Indented,
    Line,
}

fn as_json(value: &impl Serialize, layout: Layout) -> Result<String, Failure> {
    let text = match layout {
        Layout::Indented => serde_json::to_string_pretty(value),
        Layout::Line => serde_json::to_string(value),
    };
    let text = text
        .map_err(|error| Failure::failed("output", format!("the answer is not JSON: {error}")))?;
    Ok(escape_invisible(&text))
}

/// Writes characters that a terminal would obey or hide as `\uXXXX`; in JSON they stand only inside strings, where that is the
/// same value.
fn escape_invisible(text: &str) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut out = String::with_capacity(text.len());
    let mut units = [0_u16; 2];
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Layout, as_json};

    #[test]
    fn json_on_a_terminal_hides_nothing_and_keeps_its_value() {
        let text = "a\u{202e}b\u{e0041}\u{1b}[31m";
        let shown = as_json(&text, Layout::Line).unwrap();
        assert_eq!(shown, r#""a\u202eb\udb40\udc41\u001b[31m""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
