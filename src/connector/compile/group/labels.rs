//! Checks that routes of one match agree on where a label stands: what is captured is known by its name alone.

use crate::config::diagnostic::Diagnostic;
use crate::connector::compile::Scope;
use crate::connector::model::group::Group;
use crate::connector::model::route::Route;

/// Reports labels that stand in one segment for one route and in another for a sibling.
pub(super) fn check(group: &Group, siblings: &[&Route], scope: &mut Scope<'_>) {
    // The routes of a group with one spelling have the same labels.
    if group.spellings().count() < 2 {
        return;
    }
    for (at, route) in siblings.iter().enumerate() {
        let mut earlier = siblings.iter().take(at);
        let misplaced = earlier.find_map(|other| {
            let label = route.matches.path.misplaced(&other.matches.path)?;
            Some((label, other))
        });
        let Some((label, other)) = misplaced else {
            continue;
        };
        let message = format!("label `{label}` stands at two places of one path");
        let conflict = Diagnostic::error("label", message)
            .at(other.place())
            .at(route.place());
        let help = "routes of the same match name a part alike, or by another name that none of them uses elsewhere";
        scope.report.push(conflict.help(help));
    }
}
