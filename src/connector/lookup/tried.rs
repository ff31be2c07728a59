//! Tells which routes a request was compared with, and why those lost whose path fits: for `explain`, never on a request's way.

use crate::config::diagnostic::Place;
use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::group::Group;
use crate::connector::model::matches::{ANY_METHOD, WEBSOCKET};
use crate::connector::model::origins::ParamOrigins;
use crate::connector::model::route::RouteView;
use crate::model::target::Query;

/// A route whose path fits the request's.
#[derive(Debug)]
pub struct TriedRoute<'a> {
    /// What lists show of it.
    pub route: RouteView<'a>,
    /// Where its parameters are read.
    pub params: Vec<ParamOrigins>,
    /// File and line of its `match`.
    pub place: Place,
    /// Why it is no candidate; `None` for one, which of them applies depends on the body and on `when`.
    pub lost: Option<Lost>,
}

/// Why a route whose path fits is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It is for another method.
    Method,
    /// It is for another host, or other keys of the query.
    HostOrQuery,
    /// Another route is more literal.
    LessLiteral,
    /// It opens a WebSocket, or the request does.
    WebSocket,
}

impl Candidates {
    /// Returns every route whose path fits, the candidates first, in file order.
    #[must_use]
    pub fn tried(&self, query: &Query) -> Vec<TriedRoute<'_>> {
        let connector = &self.place.connector;
        let numbered = connector.groups.iter().zip(0_u32..);
        let fits = |group: &Group| group.matches.path.capture(self.place.below()).is_some();
        let mut tried: Vec<(u32, TriedRoute<'_>)> = Vec::new();
        for (group, number) in numbered.filter(|(group, _)| fits(group)) {
            let lost = self.lost(group, number, query);
            for at in group.table.routes() {
                let Some(route) = connector.route(at) else {
                    continue;
                };
                let found = TriedRoute {
                    route: route.view(),
                    params: connector.params_of(group, at),
                    place: route.place(),
                    lost,
                };
                tried.push((at, found));
            }
        }
        tried.sort_by_key(|(number, tried)| (tried.lost.is_some(), *number));
        tried.dedup_by_key(|(number, _)| *number);
        tried.into_iter().map(|(_, tried)| tried).collect()
    }

    fn lost(&self, group: &Group, number: u32, query: &Query) -> Option<Lost> {
        if self.groups.contains(&number) {
            return None;
        }
        let method = self.method.as_str();
        let is_head = method == "HEAD" && &*group.method == "GET";
        Some(match &*group.method {
            WEBSOCKET => Lost::WebSocket,
            own if own != method && own != ANY_METHOD && !is_head => Lost::Method,
            _ if !group.accepts(&self.place.host, query) => Lost::HostOrQuery,
            _ => Lost::LessLiteral,
        })
    }
}
