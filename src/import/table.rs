//! Reads an API from a table, one operation a line with tabs between. Only `method` and `path` are required.

use super::api::{Api, Body, Operation, RequestPart, Server, Sign, TABLE};
use crate::config::diagnostic::{Diagnostic, Place, Report, Source};

/// Lines of one table.
const MAX_LINES: usize = 100_000;

/// Returns whether a text begins as a table does.
pub(crate) fn is_one(text: &str) -> bool {
    let head = text.lines().next().unwrap_or_default();
    let has = |name: &str| head.split('\t').any(|column| column == name);
    has("method") && has("path")
}

/// Reads a table.
///
/// # Errors
/// Lines that name no operation.
pub(crate) fn read(source: &Source) -> Result<Api, Report> {
    let mut report = Report::default();
    let mut problem = |line: usize, message: String| {
        let place = Place::new(source.clone(), line, 1);
        report.push(Diagnostic::error("table", message).at(place));
    };
    let mut api = Api {
        format: TABLE.to_owned(),
        ..Api::default()
    };
    let columns: Vec<&str> = source
        .text
        .lines()
        .next()
        .unwrap_or_default()
        .split('\t')
        .collect();
    for (number, line) in source
        .text
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
    {
        if number > MAX_LINES {
            problem(number + 1, format!("a table has at most {MAX_LINES} lines"));
            break;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name: &str| {
            let at = columns.iter().position(|column| *column == name)?;
            cells
                .get(at)
                .copied()
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        match (cell("method"), cell("path")) {
            (Some(method), Some(path)) if method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                api.operations.push(operation(method, path, cell));
            }
            _ => problem(
                number + 1,
                "this line has no method in capitals, or no path".to_owned(),
            ),
        }
    }
    if report.has_errors() {
        Err(report)
    } else {
        Ok(api)
    }
}

fn operation<'a>(method: &str, path: &str, cell: impl Fn(&str) -> Option<&'a str>) -> Operation {
    let id = cell("operation_id").map(str::to_owned);
    let media = cell("body_type").unwrap_or_default();
    let tags: Vec<String> = cell("tags")
        .unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect();
    let kind = ["query", "mutation", "subscription"]
        .iter()
        .find(|kind| tags.iter().any(|tag| tag == **kind));
    let sign = tags.iter().find_map(|tag| match tag.split_once('=')? {
        ("Action", _) => Some(Sign::Form(tag.clone())),
        (name, value) => Some(Sign::Header(name.to_owned(), value.to_owned())),
    });
    Operation {
        method: method.to_owned(),
        elsewhere: cell("host").map(|host| Server {
            host: host.to_ascii_lowercase(),
            base: String::new(),
        }),
        path: path.to_owned(),
        part: match (kind, &id) {
            (Some(kind), Some(id)) if media.contains("GraphQL") => {
                Some(RequestPart::Graphql(format!("{kind}.{id}")))
            }
            (_, Some(id)) if media.contains("JSON-RPC") => Some(RequestPart::Rpc(id.clone())),
            (_, _) => None,
        },
        sign,
        body: if media.contains("json") {
            Body::Json
        } else {
            Body::Absent
        },
        id,
        tags,
        title: cell("summary").map(str::to_owned),
        ..Operation::default()
    }
}
