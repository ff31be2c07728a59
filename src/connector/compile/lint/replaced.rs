//! Compares a connector against the built-in one that it replaces: what policies relied on and is gone, or less risky now.

use std::collections::BTreeMap;

use crate::config::diagnostic::{Diagnostic, Place, Report};
use crate::connector::model::connector::Connector;
use crate::model::action::Risk;

/// Adds the warnings; `place` is that of the new one's id.
pub(crate) fn check(new: &Connector, old: &Connector, place: &Place, report: &mut Report) {
    let now = new.risks();
    let was = old.risks();
    let gone: Vec<&str> = was
        .keys()
        .filter(|name| !now.contains_key(*name))
        .copied()
        .collect();
    let lower = was.iter().filter_map(|(name, old)| {
        let new = now.get(name)?;
        (new < old).then(|| format!("{name} ({old} to {new})"))
    });
    let mut warn = |code: &'static str, what: &str, names: &[String], help: &str| {
        let shown = match names {
            [] => return,
            names if names.len() <= SHOWN => names.join(", "),
            names => {
                let front = names.iter().take(SHOWN).cloned().collect::<Vec<_>>();
                format!("{} and {} more", front.join(", "), names.len() - SHOWN)
            }
        };
        let message = format!("the built-in `{}` {what}: {shown}", old.id);
        let warning = Diagnostic::warning(code, message).at(place.clone());
        report.push(warning.help(help));
    };
    let gone: Vec<String> = gone.into_iter().map(str::to_owned).collect();
    warn(
        "routes-removed",
        "has actions that this file has not",
        &gone,
        "keep their names, or say `renamed_from: [name]` at the routes that take their place",
    );
    warn(
        "risk-lowered",
        "holds these for riskier",
        &lower.collect::<Vec<_>>(),
        "presets allow more than before; state the old risk, unless it was wrong",
    );
}

/// Names in one warning.
const SHOWN: usize = 5;

impl Connector {
    /// The highest risk of each action, without the connector's id; former names count as names.
    fn risks(&self) -> BTreeMap<&str, Risk> {
        let mut risks = BTreeMap::new();
        for route in &self.routes {
            let own = std::iter::once(route.name.as_str());
            for name in own.chain(route.renamed_from.iter().map(String::as_str)) {
                let short = name.split_once('.').map_or(name, |(_, rest)| rest);
                let known = risks.entry(short).or_insert(Risk::Low);
                *known = route.risk.highest().max(*known);
            }
        }
        risks
    }
}
