//! Defines what reading a request takes and gives: its head and body, its actions, what it needs of the body.

use http::{HeaderMap, HeaderName};

use crate::connector::lookup::catalog::Catalog;
use crate::connector::read::dialect::Dialect;
use crate::connector::read::options::ExchangeOptions;
use crate::model::action::Action;
use crate::model::target::Target;

/// What a candidate needs of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyNeed {
    /// No candidate reads it: it is streamed.
    Nothing,
    /// It is read whole, as this encoding, up to `limit` bytes after decoding.
    Read {
        /// How it is parsed; what `Content-Type` is set to.
        dialect: Dialect,
        /// Bytes; `None` for the gateway's default.
        limit: Option<usize>,
    },
}

/// What a request says, as far as it has been read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Method, host, path, query.
    pub target: &'a Target,
    /// After hop-by-hop and nominated headers were removed.
    pub headers: &'a HeaderMap,
    /// Decoded bytes; `None` where it was not read. Empty means that there was none.
    pub body: Option<&'a [u8]>,
    /// All connectors of the moment: a member of a batch is classified among them, as a request is.
    pub catalog: &'a Catalog,
}

/// A request that is understood.
#[derive(Debug, Clone)]
pub struct RequestActions {
    /// What it does: at least one, parts in their order.
    pub actions: Vec<Action>,
    /// What holds for the whole exchange.
    pub options: ExchangeOptions,
    /// Headers that nothing declares or reads: dropped where every action is low.
    pub unlisted: Vec<HeaderName>,
    /// Bytes that were copied to understand it, beside the body.
    pub copied: usize,
}
