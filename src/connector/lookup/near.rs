//! Finds how the path of a request that matches no route differs from that of one, where many servers would see no difference.
//! Requests that match a route pay nothing for it.

use http::Method;

use crate::connector::lookup::catalog::Catalog;
use crate::connector::lookup::folded::{front_folded, strip_suffix_folded};
use crate::connector::model::connector::Connector;
use crate::connector::model::endpoint::Endpoint;
use crate::connector::model::matches::method_keys;
use crate::model::target::{Authority, Oddities, Oddity, Query, Target};

/// What frameworks take for a choice of the answer's format.
const SUFFIX: &str = ".json";

impl Catalog {
    /// Returns how a target that matches no route differs from one that does, if only by what many servers ignore: ASCII case, a slash
    /// at the end, or `.json`. What the route's connector allows (`paths.allow`) does not count.
    #[must_use]
    pub fn near_route(&self, target: &Target) -> Option<Oddities> {
        self.find_at(&target.authority, |connector, endpoint| {
            connector.near(endpoint, &target.authority, target)
        })
    }
}

impl Connector {
    fn near(
        &self,
        endpoint: &Endpoint,
        authority: &Authority,
        target: &Target,
    ) -> Option<Oddities> {
        if !endpoint.accepts(authority) {
            return None;
        }
        let path = target.path.matching();
        let exact = endpoint.base.capture_front(path).map(|(_, below)| below);
        let below = exact.or_else(|| front_folded(&endpoint.base, path))?;
        let mut start = Oddities::default();
        if exact.is_none() {
            start.insert(Oddity::Case);
        }
        let stem = stem(below);
        let endings = ["", "/", SUFFIX];
        let mut found = endings.into_iter().flat_map(|ending| {
            let form = format!("{stem}{ending}");
            let mut odd = start;
            if ends_in_slash(below) != ends_in_slash(&form) {
                odd.insert(Oddity::TrailingSlash);
            }
            if ends_in_suffix(below) != ends_in_suffix(&form) {
                odd.insert(Oddity::JsonSuffix);
            }
            let query = &target.query;
            let same = self.has_route(&target.method, &form, (authority, query), Spelling::AsIs);
            let near = self.has_route(&target.method, &form, (authority, query), Spelling::Folded);
            let mut folded = odd;
            folded.insert(Oddity::Case);
            [same.then_some(odd), (near && !same).then_some(folded)]
        });
        found.find_map(|odd| {
            let odd = odd?.without(self.oddities);
            (!odd.is_empty()).then_some(odd)
        })
    }

    fn has_route(
        &self,
        method: &Method,
        below: &str,
        (authority, query): (&Authority, &Query),
        spelling: Spelling,
    ) -> bool {
        if !below.is_empty() && !below.starts_with('/') {
            return false;
        }
        let mut found = Vec::new();
        for router in method_keys(method).filter_map(|key| self.routers.get(key)) {
            match spelling {
                Spelling::AsIs => router.collect(below, &mut found),
                Spelling::Folded => router.collect_folded(below, &mut found),
            }
        }
        let accepts = |number: &u32| {
            let group = self.group(*number);
            group.is_some_and(|group| group.accepts(&authority.host, query))
        };
        found.iter().any(accepts)
    }
}

#[derive(Debug, Clone, Copy)]
enum Spelling {
    AsIs,
    Folded,
}

/// Takes slashes and `.json` off the end.
fn stem(path: &str) -> &str {
    let mut stem = path;
    while let Some(less) = stem
        .strip_suffix('/')
        .or_else(|| strip_suffix_folded(stem, SUFFIX))
    {
        stem = less;
    }
    stem
}

fn ends_in_slash(path: &str) -> bool {
    path.ends_with('/')
}

fn ends_in_suffix(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    strip_suffix_folded(path, SUFFIX).is_some()
}
