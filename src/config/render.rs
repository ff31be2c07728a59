//! Prints a report as text, JSON, SARIF 2.1.0 or GitHub workflow commands. Text from files is escaped.

use serde_json::{Value as Json, json};

use super::diagnostic::{Diagnostic, Place, Report, Severity};
use crate::model::show::escape;

/// Longest line of a source that is shown, in characters.
const MAX_SNIPPET: usize = 160;

impl Severity {
    /// Returns the name as shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Report {
    /// Returns all problems for a terminal, with snippets, a blank line between two; empty without problems.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.diagnostics
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Returns the report as JSON, `{"diagnostics": […]}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({ "diagnostics": self.diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>() })
    }

    /// Returns a SARIF 2.1.0 log with one run.
    #[must_use]
    pub fn to_sarif(&self) -> Json {
        let mut codes: Vec<&str> = self
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        let rules: Vec<Json> = codes.iter().map(|code| json!({ "id": code })).collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": { "name": "tollgate", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
                "columnKind": "unicodeCodePoints",
                "results": self.diagnostics.iter().map(sarif_result).collect::<Vec<_>>(),
            }],
        })
    }

    /// Returns one `::error …` or `::warning …` line for each problem.
    #[must_use]
    pub fn to_github(&self) -> String {
        self.diagnostics.iter().map(github).collect()
    }
}

impl Diagnostic {
    /// Returns `{severity, code, message, places: [{file, line, column, note}], help}`; unknown lines and columns are null.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let known = |number: usize| (number > 0).then_some(number);
        let places = self.places.iter().map(|place| {
            json!({
                "file": escape(&place.source.name),
                "line": known(place.line),
                "column": known(place.column),
                "note": escape(&place.note),
            })
        });
        json!({
            "severity": self.severity.as_str(),
            "code": self.code,
            "message": escape(&self.message),
            "places": places.collect::<Vec<_>>(),
            "help": self.help.as_deref().map(escape),
        })
    }
}

fn text(diagnostic: &Diagnostic) -> String {
    let mut out = format!(
        "{}[{}]: {}\n",
        diagnostic.severity.as_str(),
        diagnostic.code,
        escape(&diagnostic.message)
    );
    let gutter = diagnostic
        .places
        .iter()
        .map(|place| place.line.to_string().len())
        .max()
        .unwrap_or(1);
    let mut shown = false;
    for place in &diagnostic.places {
        out.push_str(&format!("  --> {}", location(place)));
        if !place.note.is_empty() {
            out.push_str(&format!("   {}", escape(&place.note)));
        }
        out.push('\n');
        if let Some(snippet) = snippet(place, gutter) {
            out.push_str(&snippet);
            shown = true;
        }
    }
    if let Some(help) = &diagnostic.help {
        let bar = if shown {
            format!("{:gutter$} |\n", "")
        } else {
            String::new()
        };
        out.push_str(&format!("{bar}  help: {}\n", escape(help)));
    }
    out
}

fn location(place: &Place) -> String {
    let name = escape(&place.source.name);
    // What the store holds has no lines that an operator has seen.
    if name.starts_with("store:") {
        return name.into_owned();
    }
    match (place.line, place.column) {
        (0, _) => name.into_owned(),
        (line, 0) => format!("{name}:{line}"),
        (line, column) => format!("{name}:{line}:{column}"),
    }
}

/// Returns the line and a mark under the column. Escapes before the column move the mark, so it is measured after escaping.
fn snippet(place: &Place, gutter: usize) -> Option<String> {
    let line = place.source.text.lines().nth(place.line.checked_sub(1)?)?;
    let clean = |text: &str| escape(&text.replace('\t', " ")).into_owned();
    let before: String = line.chars().take(place.column.saturating_sub(1)).collect();
    let (before, whole) = (clean(&before).chars().count(), clean(line));
    let skipped = before.saturating_sub(MAX_SNIPPET / 2);
    let part: String = whole.chars().skip(skipped).take(MAX_SNIPPET).collect();
    let (start, mark) = (
        if skipped > 0 { "…" } else { "" },
        before - skipped + usize::from(skipped > 0),
    );
    let end = if whole.chars().count() > skipped + MAX_SNIPPET {
        "…"
    } else {
        ""
    };
    let mut out = format!(
        "{:gutter$} |\n{:gutter$} | {start}{}{end}\n",
        "",
        place.line,
        part.trim_end()
    );
    if place.column > 0 {
        out.push_str(&format!("{:gutter$} | {:mark$}^\n", "", ""));
    }
    Some(out)
}

fn sarif_result(diagnostic: &Diagnostic) -> Json {
    let message = match &diagnostic.help {
        Some(help) => format!("{}; {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut places = diagnostic.places.iter().map(sarif_location);
    let mut result = json!({
        "ruleId": diagnostic.code,
        "level": diagnostic.severity.as_str(),
        "message": { "text": escape(&message) },
        "locations": places.next().into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Json> = places.collect();
    if let (false, Some(object)) = (related.is_empty(), result.as_object_mut()) {
        object.insert("relatedLocations".to_owned(), related.into());
    }
    result
}

fn sarif_location(place: &Place) -> Json {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&place.source.name) } });
    if place.line > 0 {
        let region = json!({ "startLine": place.line, "startColumn": place.column.max(1) });
        if let Some(object) = physical.as_object_mut() {
            object.insert("region".to_owned(), region);
        }
    }
    let mut location = json!({ "physicalLocation": physical });
    if let (false, Some(object)) = (place.note.is_empty(), location.as_object_mut()) {
        object.insert("message".to_owned(), json!({ "text": escape(&place.note) }));
    }
    location
}

/// Returns a relative URI reference (RFC 3986): what is not plain in a path is percent-encoded.
fn uri(name: &str) -> String {
    const PLAIN: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(name, &PLAIN).to_string()
}

fn github(diagnostic: &Diagnostic) -> String {
    let mut properties = Vec::new();
    if let Some(place) = diagnostic.places.first() {
        properties.push(format!("file={}", property(&escape(&place.source.name))));
        if place.line > 0 {
            properties.push(format!("line={}", place.line));
        }
        if place.column > 0 {
            properties.push(format!("col={}", place.column));
        }
    }
    properties.push(format!("title={}", diagnostic.code));
    let help = diagnostic
        .help
        .as_ref()
        .map(|help| format!("\nhelp: {}", escape(help)))
        .unwrap_or_default();
    let message = data(&format!("{}{help}", escape(&diagnostic.message)));
    format!(
        "::{} {}::{message}\n",
        diagnostic.severity.as_str(),
        properties.join(",")
    )
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
