//! Tells whether a permission opens a connector for an agent, and which of its entries guard the connector's `unknown` action.

use super::{Permission, Reach};
use crate::expression::Outcome;
use crate::policy::Facts;
use crate::policy::facts::Judged;
use crate::policy::manifest::Access;
use crate::policy::selector::{self, Aim, Pattern};

impl Permission {
    /// Returns how closely it means the connector of an action that it opens, whatever it says of the action itself: a preset other
    /// than `none`, an `allow` or `ask` in which the connector's id stands, or one for any connector that matches the action.
    pub(crate) fn reach(&self, name: &str) -> Option<Reach> {
        let connector = name.split('.').next().unwrap_or_default();
        let preset = self.preset.as_ref();
        let preset = preset.filter(|preset| preset.access != Access::None);
        let preset = preset.and_then(|preset| match &*preset.connector {
            "*" => Some(Reach::Any),
            own => (own == connector).then_some(Reach::Named),
        });
        let listed = self.allow.iter().chain(&self.ask);
        let listed = listed.filter_map(|pattern| match pattern.connector() {
            Some(own) => (own == connector).then_some(Reach::Named),
            None => (pattern.is_for_any() && pattern.matches(name)).then_some(Reach::Any),
        });
        listed.chain(preset).max()
    }

    /// Returns whether it can open a connector for some action.
    pub(crate) fn may_reach(&self, connector: &str) -> bool {
        let preset = self.preset.as_ref();
        let preset = preset.filter(|preset| preset.access != Access::None);
        let mut listed = self.allow.iter().chain(&self.ask);
        preset.is_some_and(|preset| preset.connector == "*" || preset.connector == connector)
            || listed.any(|pattern| match pattern.connector() {
                Some(own) => own == connector,
                None => pattern.is_for_any(),
            })
    }

    /// Returns how closely agent and connector of a request are meant, where it opens the one for the other and `where` holds.
    pub(crate) fn reach_for(&self, facts: &Facts<'_>) -> (Option<(Aim, Reach)>, Option<String>) {
        let reach = self.reach(facts.action.name.as_str());
        let meant = selector::aim(&self.who, facts.agent).zip(reach);
        let Some(condition) = self.condition.as_ref().filter(|_| meant.is_some()) else {
            return (meant, None);
        };
        match condition.evaluate(&Judged(facts)) {
            Outcome::True => (meant, None),
            Outcome::False => (None, None),
            // A permission for listed actions only: a failure for other actions is of no interest.
            Outcome::Failed(message) => {
                let failure = format!("{}: {message}", self.label);
                (None, Some(failure).filter(|_| self.preset.is_some()))
            }
        }
    }

    /// Returns the connector that `access: full` names.
    pub(crate) fn full(&self) -> Option<&str> {
        let preset = self.preset.as_ref()?;
        let full = preset.access == Access::Full && preset.connector != "*";
        full.then_some(&*preset.connector)
    }

    /// Returns whether it denies or asks for actions of a connector: some that a pattern selects, or by a preset what `full` allows.
    pub(crate) fn guards(&self, connector: &str, selects: impl Fn(&Pattern) -> bool) -> bool {
        let preset = self.preset.as_ref();
        preset.is_some_and(|preset| {
            let narrows = match preset.access {
                Access::None | Access::Ask => true,
                // Without a condition it is only a default, which a more precise entry may exceed.
                Access::Supervised => self.condition.is_some(),
                Access::Full | Access::ReadOnly => false,
            };
            narrows && (preset.connector == "*" || preset.connector == connector)
        }) || self.deny.iter().chain(&self.ask).any(selects)
    }

    /// Returns whether an action stands in one of its lists by its full name.
    pub(crate) fn names(&self, action: &str) -> bool {
        let mut lists = self.allow.iter().chain(&self.ask).chain(&self.deny);
        lists.any(|pattern| pattern.is_exact() && pattern.matches(action))
    }
}
