//! Connectors: route tables compiled into one catalogue, and a request read by it as named actions.
//!
//! INVARIANT: every request to a connector's domain is at least one action; what no route accepts is `<id>.unknown`.

mod compile;
mod lookup;
mod manifest;
mod model;
mod read;

pub use compile::is_id;
pub use compile::lint::wording::made_credential;
pub use lookup::candidates::{Candidates, DEFAULT_NODE_LIMIT, DEFAULT_PART_LIMIT};
pub use lookup::catalog::{Catalog, Place};
pub use manifest::Manifest;
pub use model::answer::AnswerPlace;
pub use model::binding::Unbound;
pub use model::connector::{Connector, Health};
pub use model::error_shape::framing::Push;
pub use model::error_shape::{ErrorFacts, ErrorShape};
pub use model::header_rules::needs_declaring;
pub use model::options::Passes;
pub use model::route::RouteView;
pub use model::standard_headers::is_always_dropped;
pub use model::test_case::{Case, Expectation, ExpectedAction};
pub use read::answer::read_answer;
pub use read::client_credential::query_signature;
pub use read::dialect::Dialect;
pub use read::options::Terms;
pub use read::reading::{BodyNeed, Reading, RequestActions};
pub use read::room::{Memory, OwnMemory};
pub use read::unreadable::{Unreadable, UnreadableCode};
