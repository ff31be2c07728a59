//! Turns risks as written, or by method, into what a route's actions can be.

use crate::config::yaml::ShortOr;
use crate::connector::compile::Scope;
use crate::connector::compile::defaults::Defaults;
use crate::connector::manifest::entry::RiskRule;
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::matches::Matches;
use crate::connector::model::naming::RouteRisk;
use crate::model::action::Risk;
use crate::model::glob::Glob;

/// Returns a route's risk.
pub(crate) fn risk(
    entry: &RouteEntry,
    matches: &Matches,
    defaults: &Defaults<'_>,
    scope: &mut Scope<'_>,
) -> Option<RouteRisk> {
    let undecoded = matches!(
        entry.batch.as_ref().map(|batch| &batch.value),
        Some(ShortOr::Short(word)) if word == "undecoded"
    );
    if let (true, Some(stated)) = (undecoded, &entry.risk) {
        let message = "a request whose members are not read is critical";
        scope.error(
            "risk",
            message,
            stated,
            "leave `risk` out beside `batch: undecoded`",
        );
    }
    if undecoded || entry.hands_out() {
        return Some(RouteRisk::Fixed(Risk::Critical));
    }
    let made = entry.action.value.contains('{');
    match entry.risk.as_ref().map(|risk| &risk.value) {
        Some(ShortOr::Short(stated)) => return Some(RouteRisk::Fixed(*stated)),
        Some(ShortOr::Long(rules)) => return by_name(entry, rules, scope),
        None => {}
    }
    let by_method = match &*matches.methods {
        [method] if !made => defaults.risk.get(&**method).copied().or(match &**method {
            "GET" | "HEAD" | "OPTIONS" => Some(Risk::Low),
            "POST" | "PUT" | "PATCH" => Some(Risk::Medium),
            "DELETE" => Some(Risk::High),
            _ => None,
        }),
        _ => None,
    };
    if by_method.is_none() {
        let message = format!("`{}` has no risk by method", entry.matches.value);
        scope.error(
            "risk",
            message,
            &entry.matches,
            "state it: `risk: low`, `medium`, `high` or `critical`",
        );
    }
    by_method.map(RouteRisk::Fixed)
}

/// A list of patterns is for what a made name is made of; only its last entry may be without one.
fn by_name(entry: &RouteEntry, rules: &[RiskRule], scope: &mut Scope<'_>) -> Option<RouteRisk> {
    let risk = entry.risk.as_ref()?;
    let help = "as in `risk: [{ match: '*delete*', risk: high }, { risk: medium }]`";
    if !entry.action.value.contains('{') {
        let message = "a list under `risk` is for names that requests make";
        scope.error("risk", message, risk, help);
        return None;
    }
    let open = rules.iter().position(|rule| rule.pattern.is_none());
    if rules.is_empty() || open.is_some_and(|at| at + 1 < rules.len()) {
        let message = "the list under `risk` is empty, or has an entry behind the one for all";
        scope.error("risk", message, risk, help);
        return None;
    }
    let compiled = rules.iter().map(|rule| {
        let pattern = rule.pattern.as_ref();
        (
            pattern.map(|text| Glob::new(&text.value.to_ascii_lowercase())),
            rule.risk,
        )
    });
    Some(RouteRisk::ByName(compiled.collect()))
}
