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
pub use compile::test_case::{Case, Expectation, ExpectedAction};
pub use lookup::candidates::{Candidates, DEFAULT_PART_LIMIT};
pub use lookup::catalog::{Catalog, Place};
pub use manifest::Manifest;
pub use model::binding::Unbound;
pub use model::connector::{Connector, Health};
pub use model::error_shape::framing::Push;
pub use model::error_shape::{ErrorFacts, ErrorShape};
pub use model::options::{Passes, Terms};
pub use model::route::RouteView;
pub use model::standard_headers::is_always_dropped;
pub use read::answer::{AnswerPlace, read_answer};
pub use read::dialect::Dialect;
pub use read::headers::needs_declaring;
pub use read::json::DEFAULT_NODE_LIMIT;
pub use read::reading::{BodyNeed, Reading, RequestActions, Unreadable, UnreadableCode};
pub use read::room::{Memory, OwnMemory};
