//! Says what is read of every JSON-RPC message.

use crate::connector::model::body_path::PathId;

/// What is read of every message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RpcEnvelope {
    pub(crate) id: PathId,
    pub(crate) method: PathId,
    pub(crate) result: PathId,
    pub(crate) error: PathId,
    /// What MCP repeats in headers, where some route is for its tools.
    pub(crate) mirrored: Option<Mirrored>,
}

/// Where an MCP message says what its headers repeat (2026-07-28, "Standard Request Headers"; SEP-2663 for tasks).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mirrored {
    /// Name of a tool or a prompt.
    pub(crate) name: PathId,
    /// Address of a resource.
    pub(crate) uri: PathId,
    /// Identifier of a task.
    pub(crate) task: PathId,
    /// Version of the protocol.
    pub(crate) version: PathId,
}

impl RpcEnvelope {
    /// Iterates over the paths.
    pub(crate) fn paths(self) -> impl Iterator<Item = PathId> {
        let own = [self.id, self.method, self.result, self.error];
        let mirrored = self.mirrored.map(Mirrored::paths);
        own.into_iter().chain(mirrored.into_iter().flatten())
    }
}

impl Mirrored {
    fn paths(self) -> [PathId; 4] {
        [self.name, self.uri, self.task, self.version]
    }
}
