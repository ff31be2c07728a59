//! Asks a router for all patterns that accept a path.
//!
//! INVARIANT: where neither of two patterns is more literal, both are found: the request is judged as the actions of both.

use crate::connector::model::router::{Router, Shape};

impl Router {
    /// Adds the groups whose pattern accepts the path, which is empty or starts with `/`. Groups that one of those always beats may be
    /// left out.
    pub(crate) fn collect(&self, path: &str, found: &mut Vec<u32>) {
        let hit = if path.is_empty() {
            self.bare
        } else {
            let mut routers = self.routers.iter();
            routers.find_map(|router| router.at(path).ok().map(|hit| *hit.value))
        };
        let Some(shape) = hit.and_then(|number| self.shape(number)) else {
            return;
        };
        found.extend(&shape.groups);
        for other in &shape.overlapping {
            if let Some(other) = self
                .shape(*other)
                .filter(|other| other.pattern.accepts(path))
            {
                found.extend(&other.groups);
            }
        }
    }

    /// As [`Router::collect`], whatever the ASCII case of what is literal. Compares every pattern: only for what no pattern accepts.
    pub(crate) fn collect_folded(&self, path: &str, found: &mut Vec<u32>) {
        let shapes = self.shapes.iter();
        let accepting = shapes.filter(|shape| shape.pattern.accepts_folded(path));
        found.extend(accepting.flat_map(|shape| &shape.groups));
    }

    fn shape(&self, number: u32) -> Option<&Shape> {
        self.shapes.get(number as usize)
    }
}
