//! What is read of every JSON-RPC message.

use crate::connector::model::body_path::PathId;

/// What is read of every message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RpcEnvelope {
    pub(crate) id: PathId,
    pub(crate) method: PathId,
    pub(crate) result: PathId,
    pub(crate) error: PathId,
}

impl RpcEnvelope {
    /// Iterates over the paths.
    pub(crate) fn paths(self) -> impl Iterator<Item = PathId> {
        [self.id, self.method, self.result, self.error].into_iter()
    }
}
