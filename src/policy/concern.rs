//! What is for one action at all: places in the lists of permissions and policies, looked up at load wherever the name is known then.

use super::PolicySet;
use super::permission::Claim;
use crate::model::template::NameTemplate;

/// What concerns one action: places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(super) struct Concern {
    pub(super) special: bool,
    pub(super) permissions: Vec<(usize, Claim)>,
    pub(super) rules: Vec<usize>,
}

/// What can concern a name that a template makes: places in the lists of permissions and policies.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    pub(super) permissions: Vec<usize>,
    pub(super) rules: Vec<usize>,
}

impl PolicySet {
    /// Looks up what concerns an action.
    pub(super) fn concern(&self, name: &str, special: bool) -> Concern {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Concern {
            special,
            permissions: permissions
                .filter_map(|(at, permission)| Some((at, permission.claim(name, special)?)))
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.covers(name, special))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    /// Looks up what can concern some name that a template makes, so that what is for other actions costs nothing there either.
    pub(super) fn near(&self, template: &NameTemplate) -> Nearby {
        let permissions = self.compiled.permissions.iter().enumerate();
        let rules = self.compiled.rules.iter().enumerate();
        Nearby {
            permissions: permissions
                .filter(|(_, permission)| permission.may_claim(template))
                .map(|(at, _)| at)
                .collect(),
            rules: rules
                .filter(|(_, rule)| rule.may_cover(template))
                .map(|(at, _)| at)
                .collect(),
        }
    }

    pub(super) fn concern_near(&self, name: &str, special: bool, nearby: &Nearby) -> Concern {
        let permission = |at: &usize| {
            let permission = self.compiled.permissions.get(*at)?;
            Some((*at, permission.claim(name, special)?))
        };
        let rule = |at: &&usize| {
            let rule = self.compiled.rules.get(**at);
            rule.is_some_and(|rule| rule.covers(name, special))
        };
        Concern {
            special,
            permissions: nearby.permissions.iter().filter_map(permission).collect(),
            rules: nearby.rules.iter().filter(rule).copied().collect(),
        }
    }
}
