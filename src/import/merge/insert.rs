//! Inserts new routes at their places in the text of a connector file; no other byte changes.

use crate::config::yaml;
use crate::import::draft::{self, ConnectorDraft};
use crate::import::write;

/// Puts each new route behind the last one of its group, or behind all.
pub(crate) fn routes(text: &str, draft: &ConnectorDraft, routes: usize) -> String {
    if draft.routes.is_empty() {
        return text.to_owned();
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<&str> = text.lines().collect();
    let (blocks, indent) = blocks(text, &lines, routes);
    let groups: Vec<Option<String>> = blocks.iter().map(|block| group_of(&lines, block)).collect();
    let mut additions: Vec<(usize, String)> = Vec::new();
    for (group, new) in by_group(draft) {
        let after = groups
            .iter()
            .rposition(|known| known.as_deref() == Some(group))
            .unwrap_or(blocks.len().saturating_sub(1));
        let line = blocks.get(after).map_or(lines.len(), |(_, end)| *end);
        let heading = !groups.iter().any(|known| known.as_deref() == Some(group));
        let text = write::some(&new, if heading { Some(group) } else { None });
        let shifted: Vec<String> = text.lines().map(|line| shift(line, indent)).collect();
        additions.push((line, shifted.join(newline)));
    }
    let start = String::from("routes:");
    if blocks.is_empty() && !lines.iter().any(|line| line.starts_with("routes:")) {
        lines.push(&start);
        additions
            .iter_mut()
            .for_each(|(line, _)| *line = lines.len());
    }
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        out.push_str(line);
        out.push_str(newline);
        for (_, addition) in additions.iter().filter(|(after, _)| *after == number + 1) {
            out.push_str(addition);
            out.push_str(newline);
        }
    }
    out
}

fn by_group(draft: &ConnectorDraft) -> Vec<(&str, Vec<&draft::DraftRoute>)> {
    let mut groups: Vec<(&str, Vec<&draft::DraftRoute>)> = Vec::new();
    for route in &draft.routes {
        match groups.last_mut().filter(|(group, _)| *group == route.group) {
            Some((_, routes)) => routes.push(route),
            None => groups.push((&route.group, vec![route])),
        }
    }
    groups
}

/// Returns the first and the last line of each route, counted from 1, and how far its dash is from the margin.
fn blocks(text: &str, lines: &[&str], routes: usize) -> (Vec<(usize, usize)>, usize) {
    let pointers: Vec<String> = (0..routes).map(|at| format!("/routes/{at}")).collect();
    let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
    let starts: Vec<(usize, usize)> = yaml::locate(text, &pointers)
        .into_iter()
        .flatten()
        .collect();
    let dash = |line: &usize| {
        let line = lines.get(line.saturating_sub(1))?;
        let rest = line.trim_start();
        rest.starts_with('-').then(|| line.len() - rest.len())
    };
    let indent = starts.first().map_or(2, |(line, column)| {
        dash(line).unwrap_or(column.saturating_sub(3))
    });
    let blank = |number: usize| {
        let line = lines.get(number - 1).map_or("", |line| line.trim());
        line.is_empty() || line.starts_with('#') || line == "-"
    };
    let mut blocks = Vec::new();
    for (at, (line, _)) in starts.iter().enumerate() {
        let top =
            |line: &&str| line.starts_with(|c: char| !c.is_whitespace() && c != '#' && c != '-');
        let mut end = match starts.get(at + 1) {
            Some((next, _)) => next.saturating_sub(1),
            None => lines
                .iter()
                .skip(*line)
                .position(top)
                .map_or(lines.len(), |more| line + more),
        };
        while end > *line && blank(end) {
            end -= 1;
        }
        blocks.push((*line, end));
    }
    (blocks, indent)
}

/// Returns the first segment of a block's action.
fn group_of(lines: &[&str], (first, last): &(usize, usize)) -> Option<String> {
    let block = lines.get(first.saturating_sub(1)..*last)?;
    let action = block.iter().find_map(|line| line.split_once("action:"))?.1;
    let action = action.trim().trim_matches(['\'', '"', '{', ' ']);
    action.split(['.', ',']).next().map(str::to_owned)
}

fn shift(line: &str, indent: usize) -> String {
    match line.strip_prefix("  ") {
        Some(rest) if !line.trim().is_empty() => format!("{}{rest}", " ".repeat(indent)),
        _ => line.to_owned(),
    }
}
