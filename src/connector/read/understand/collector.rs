//! Collects the actions of a request, over all of its groups, operations and members.

use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::framing::Push;
use crate::connector::read::operation::Quota;
use crate::connector::read::options::ExchangeOptions;
use crate::connector::read::reading::RequestActions;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::action::Action;

/// What has been found in a request, and what it may still hold.
#[derive(Debug)]
pub(crate) struct ActionCollector<'m> {
    pub(crate) operations: Quota,
    pub(crate) room: Room<'m>,
    /// The part that is being read, counted over all groups.
    pub(crate) operation: usize,
    /// Some of it is looked up part by part.
    pub(crate) has_operations: bool,
    /// Where the body holds credentials, each place once.
    client_credentials: Vec<String>,
    /// Of the JSON-RPC calls that are answered.
    pub(crate) rpc_ids: Vec<serde_json::Value>,
    /// The commands of a push.
    pub(crate) push: Option<Push>,
    /// What is read belongs to a member of a batch.
    pub(crate) in_member: bool,
    pub(crate) found: Vec<Found>,
}

/// An action that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Part, and number of the route; `u32::MAX` for none.
    pub(crate) place: (usize, u32),
    /// It is a member's of a batch, which has headers of its own.
    pub(crate) is_member: bool,
    pub(crate) action: Action,
}

impl<'m> ActionCollector<'m> {
    pub(crate) fn new(operations: usize, room: Room<'m>) -> Self {
        Self {
            operations: Quota::new(operations),
            room,
            operation: 0,
            has_operations: false,
            client_credentials: Vec::new(),
            rpc_ids: Vec::new(),
            push: None,
            in_member: false,
            found: Vec::new(),
        }
    }

    /// Notes places in which the body holds a credential of the client's own.
    pub(crate) fn note_credentials(&mut self, places: impl IntoIterator<Item = String>) {
        for place in places {
            if !self.client_credentials.contains(&place) {
                self.client_credentials.push(place);
            }
        }
    }

    /// Returns the actions in order, each once, and what their routes say of the exchange.
    pub(crate) fn finish(mut self, connector: &Connector) -> RequestActions {
        self.found.sort_by_key(|found| found.place);
        // A request that matches no route has the options that the file states for all.
        let unmatched = &*connector.unmatched_options;
        let routes = self.found.iter().map(|found| {
            let route = connector.route(found.place.1);
            route.map_or(unmatched, |route| &*route.options)
        });
        let mut options = ExchangeOptions::join(&routes.collect::<Vec<_>>());
        options.rpc_ids = self.rpc_ids;
        options.push = self.push;
        options.client_credentials = self.client_credentials;
        options.has_operations = self.has_operations;
        let mut actions: Vec<Action> = Vec::with_capacity(self.found.len());
        for Found { action, .. } in self.found {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        RequestActions {
            actions,
            options,
            unlisted: Vec::new(),
            copied: self.room.copied,
        }
    }

    pub(crate) fn push(&mut self, route: u32, action: Action) -> Result<(), Unreadable> {
        self.room
            .copy(size_of::<Action>() + action.params.bytes())?;
        self.found.push(Found {
            place: (self.operation, route),
            is_member: self.in_member,
            action,
        });
        Ok(())
    }
}
