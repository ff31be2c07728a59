//! Tells groups of one path which keys of the query tell them apart.

use std::collections::HashMap;

use crate::connector::model::group::Group;
use crate::connector::model::name_path::NamePath;

/// Where the query tells routes apart, all of them depend on its keys: those that lack a key too.
pub(super) fn share_match_keys(groups: &mut [Group]) {
    let mut shared: HashMap<(Box<str>, String), Vec<Box<str>>> = HashMap::new();
    for group in &*groups {
        let mut keys = group.matches.query_keys().map(Box::from).peekable();
        if keys.peek().is_some() {
            shared
                .entry((group.method.clone(), group.matches.path_shape()))
                .or_default()
                .extend(keys);
        }
    }
    if shared.is_empty() {
        return;
    }
    for group in groups {
        let keys = shared.get(&(group.method.clone(), group.matches.path_shape()));
        let mut keys = keys.cloned().unwrap_or_default();
        keys.sort();
        keys.dedup();
        group.match_keys = keys.iter().map(|key| NamePath::plain(key)).collect();
    }
}
