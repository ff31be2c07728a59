//! Compiles route tables into one catalogue, and reads a request by it as named actions.
//!
//! INVARIANT: every request to a connector's domain is at least one action; what no route accepts is `<id>.unknown`.

mod compile;
mod lookup;
mod manifest;
mod model;
mod read;

pub use compile::is_id;
pub use compile::lint::wording::made_credential;
pub use lookup::candidates::{Candidates, DEFAULT_NODE_LIMIT, DEFAULT_OPERATION_LIMIT};
pub use lookup::catalog::{Catalog, Location};
pub use lookup::tried::{Lost, TriedRoute};
pub use manifest::Manifest;
pub use model::answer::AnswerPlace;
pub use model::binding::Unbound;
pub use model::connector::{Connector, Health};
pub use model::error_shape::framing::Push;
pub use model::error_shape::{ErrorFacts, ErrorShape};
pub use model::header_rules::needs_declaring;
pub use model::options::Passes;
pub use model::origins::ParamOrigins;
pub use model::parameter::ParamView;
pub use model::protocol::Protocol;
pub use model::route::RouteView;
pub use model::standard_headers::is_always_dropped;
pub(crate) use model::standard_headers::is_harmless;
pub use model::test_case::{Case, Expectation, ExpectedAction};
pub use read::answer::read_answer;
pub use read::classify::{Unroutable, WrittenTarget};
pub use read::client_credential::{CredentialPlace, Sending};
pub use read::dialect::Dialect;
pub use read::headers::{clean as clean_headers, not_forwarded};
pub use read::options::ExchangeOptions;
pub use read::reading::{BodyNeed, Reading, RequestActions};
pub use read::room::{Memory, OwnMemory};
pub use read::unreadable::{Unreadable, UnreadableCode};
