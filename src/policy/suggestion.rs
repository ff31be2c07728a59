//! Suggests what a wrong name of an action may mean: inside an allow, nothing riskier than what else is close.

use std::collections::BTreeSet;

use super::reading::Reading;
use crate::config::suggest;
use crate::model::glob::Glob;

impl Reading<'_> {
    /// Returns the names close to a wrong one whose risk is the least: who copies a suggestion into an allow allows no more than that.
    pub(super) fn least_risky(&self, written: &str) -> Vec<&str> {
        let actions = self.vocabulary.actions.iter();
        let near = suggest::near(written, actions.clone().map(|(name, _)| name.as_str()));
        let near = actions.filter(|(name, _)| near.contains(&name.as_str()));
        let risks: Vec<_> = near
            .map(|(name, shape)| (shape.risks.iter().max().copied(), name.as_str()))
            .collect();
        let least = risks.iter().map(|(risk, _)| *risk).min();
        let least = risks.into_iter().filter(|(risk, _)| Some(*risk) == least);
        least.map(|(_, name)| name).collect()
    }

    /// Suggests a glob whose part in front of the `*` exists.
    pub(super) fn meant(&self, pattern: &str) -> Option<String> {
        let (front, rest) = pattern.split_once(".*")?;
        let segments = front.split('.').count();
        let actions = self.vocabulary.actions.keys();
        let fronts: BTreeSet<String> = actions
            .map(|name| name.as_str().split('.').take(segments).collect::<Vec<_>>())
            .map(|segments| segments.join("."))
            .collect();
        let close = suggest::closest(front, fronts.iter().map(String::as_str))?;
        let meant = format!("{close}.*{rest}");
        let exists = self.vocabulary.has_match(&Glob::new(&meant));
        exists.then(|| format!("did you mean `{meant}`?"))
    }
}
