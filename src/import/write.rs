//! Writes a draft as the text of a connector file, laid out as a person would: short things on one line, groups under headings.

mod head;
mod route;
mod yaml;

use super::api::Api;
use super::draft::{ConnectorDraft, DraftRoute};

/// Starts every comment about something that a person must decide.
pub(crate) const JUDGE: &str = "judge:";
/// Characters of a line before things go to lines of their own.
const WIDTH: usize = 124;

/// Writes the whole file. `origin` is what it was made from, for the heading.
pub(crate) fn file(draft: &ConnectorDraft, api: &Api, origin: &str) -> String {
    let mut body = String::new();
    head::write(draft, api, &mut body);
    body.push_str("\nroutes:\n");
    body.push_str(&routes(draft));
    // A request that has not been described may do more than any that has.
    body.push_str("\nfallback: { risk: high }\n");
    format!("{}{body}", heading(origin, &api.format, marks(&body)))
}

/// Counts the lines that wait for a person's decision.
pub(crate) fn marks(text: &str) -> usize {
    let mark = format!("# {JUDGE}");
    text.lines()
        .filter(|line| line.trim_start().starts_with(&mark))
        .count()
}

/// Writes some routes alone, two spaces in, under a heading or none.
pub(crate) fn some(routes: &[&DraftRoute], heading: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(heading) = heading {
        let heading = if heading.is_empty() {
            "general"
        } else {
            heading
        };
        text.push_str(&format!(
            "\n  # {}\n",
            yaml::comment(&heading.replace('_', " "))
        ));
    }
    routes
        .iter()
        .for_each(|route| route::write(route, &mut text));
    text
}

/// Writes all routes, a heading over each group.
fn routes(draft: &ConnectorDraft) -> String {
    let groups = draft.routes.chunk_by(|one, other| one.group == other.group);
    let text: String = groups
        .map(|group| {
            let name = group.first().map_or("", |route| route.group.as_str());
            some(&group.iter().collect::<Vec<_>>(), Some(name))
        })
        .collect();
    text.trim_start_matches('\n').to_owned()
}

fn heading(origin: &str, format: &str, marks: usize) -> String {
    let judged = match marks {
        0 => "Nothing in it waits for a decision.".to_owned(),
        1 => format!("One line marked `{JUDGE}` waits for a person's decision."),
        many => format!("{many} lines marked `{JUDGE}` wait for a person's decision."),
    };
    format!(
        "# yaml-language-server: $schema=../schemas/connector.schema.json\n\
         # Drafted by Tollgate from {} ({}). Edit it as you like: `connector import --update` adds what is\n\
         # new and leaves everything that is here as it is.\n# {judged}\n",
        yaml::comment(origin),
        yaml::comment(format),
    )
}
