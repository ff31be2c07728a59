//! Shares parameters of one connector that read the same.

use std::collections::HashMap;
use std::sync::Arc;

use crate::connector::model::parameter::Param;

/// By name. `{owner}` is in hundreds of routes, and is the same in most of them.
#[derive(Debug, Default)]
pub(crate) struct SharedParams(HashMap<Arc<str>, Vec<Arc<Param>>>);

impl SharedParams {
    pub(crate) fn share(&mut self, param: Param) -> Arc<Param> {
        let known = self.0.entry(Arc::clone(&param.name)).or_default();
        if let Some(same) = known.iter().find(|known| known.is_same(&param)) {
            return Arc::clone(same);
        }
        let param = Arc::new(param);
        known.push(Arc::clone(&param));
        param
    }
}

impl Param {
    /// Returns whether both read every request alike, as far as that is easily seen.
    fn is_same(&self, other: &Self) -> bool {
        let Self {
            name,
            origins,
            value_type,
            list,
            required,
            pattern,
            fold,
            secret,
            computed,
        } = self;
        // Equal patterns are one already.
        let same_pattern = match (pattern, &other.pattern) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, Some(_)) | (Some(_), None) => false,
        };
        (name, origins) == (&other.name, &other.origins)
            && (*value_type, *fold) == (other.value_type, other.fold)
            && (*list, *required, *secret) == (other.list, other.required, other.secret)
            && same_pattern
            && computed.is_none()
            && other.computed.is_none()
    }
}
