//! Renders an effect for a terminal and as Markdown for a pull request. Names and conditions are escaped.

use std::collections::BTreeMap;

use super::{Effect, PairChange};
use crate::model::show::escape;
use crate::policy::{Decision, Outlook};

/// Actions that one line lists; of more it says how many.
const LISTED: usize = 6;

/// Changes of one agent that go the same way.
type Groups<'e> = BTreeMap<(&'e str, String, String), Vec<&'e PairChange>>;

impl Effect {
    /// Returns lines for a terminal; none where nothing changes.
    #[must_use]
    pub fn to_text(&self) -> Vec<String> {
        let line = |((agent, was, now), changes): ((&str, String, String), Vec<&PairChange>)| {
            format!("{agent}: {was} → {now}: {}", listed(&changes))
        };
        let lines = self.groups().into_iter().map(line);
        lines.map(|line| escape(&line).into_owned()).collect()
    }

    /// Returns a table for a pull request.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        if self.is_empty() {
            return "No agent may do more or less.\n".to_owned();
        }
        let mut text = format!(
            "{} allowed, {} need approval, {} denied, {} depend on a condition.\n\n| agent | before | after | actions |\n|---|---|---|---|\n",
            self.allowed, self.asked, self.denied, self.conditional
        );
        for ((agent, was, now), changes) in self.groups() {
            let cells = [agent.to_owned(), was, now, listed(&changes)];
            let cells = cells.map(|cell| escape(&cell).replace('|', "\\|"));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    fn groups(&self) -> Groups<'_> {
        let mut groups = Groups::new();
        for change in &self.changes {
            let key = (
                change.agent.as_str(),
                words(&change.was),
                words(&change.now),
            );
            groups.entry(key).or_default().push(change);
        }
        groups
    }
}

fn listed(changes: &[&PairChange]) -> String {
    let mut names: Vec<&str> = changes
        .iter()
        .map(|change| change.action.as_str())
        .collect();
    names.dedup();
    let shown = names.iter().take(LISTED).copied().collect::<Vec<_>>();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns an outlook as words: `denied; allowed if params.project == "A"`.
fn words(outlook: &Outlook) -> String {
    let mut words = word(outlook.decision).to_owned();
    for case in &outlook.cases {
        words.push_str(&format!(
            "; {} if `{}`",
            word(case.decision),
            case.when.join("` and `")
        ));
    }
    words
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::RequireApproval => "asked",
        Decision::Deny => "denied",
    }
}
