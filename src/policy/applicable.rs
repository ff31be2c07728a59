//! Finds the permissions and policies that apply to an action. Names that are known at load are looked up then, not per request.

use super::PolicySet;
use super::permission::ActionMatch;
use crate::model::template::NameTemplate;

/// Entries that apply to one action, as places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(crate) struct Applicable {
    pub(crate) special: bool,
    pub(crate) permissions: Vec<(usize, ActionMatch)>,
    pub(crate) rules: Vec<usize>,
}

/// Entries that can apply to a name that a template makes, as places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) permissions: Vec<usize>,
    pub(crate) rules: Vec<usize>,
}

impl PolicySet {
    /// Looks up what concerns an action.
    pub(crate) fn applicable(&self, name: &str, special: bool) -> Applicable {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Applicable {
            special,
            permissions: permissions
                .filter_map(|(at, permission)| Some((at, permission.match_action(name, special)?)))
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.covers(name, special))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    /// Finds the entries that can apply to some name of a template, so that entries for other actions cost nothing there either.
    pub(crate) fn candidates_for(&self, template: &NameTemplate) -> Candidates {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Candidates {
            permissions: permissions
                .filter(|(_, permission)| permission.may_match(template))
                .map(|(at, _)| at)
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.may_cover(template))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    pub(crate) fn applicable_among(
        &self,
        name: &str,
        special: bool,
        candidates: &Candidates,
    ) -> Applicable {
        let permission = |at: &usize| {
            let permission = self.compiled.permissions.get(*at)?;
            Some((*at, permission.match_action(name, special)?))
        };
        let rule = |at: &&usize| {
            let rule = self.compiled.rules.get(**at);
            rule.is_some_and(|rule| rule.covers(name, special))
        };
        Applicable {
            special,
            permissions: candidates
                .permissions
                .iter()
                .filter_map(permission)
                .collect(),
            rules: candidates.rules.iter().filter(rule).copied().collect(),
        }
    }
}
