//! Holds what a gateway reads secrets with that lie neither in files nor behind commands: its variables and its network.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, mpsc};

use tokio::runtime::Handle;

use crate::egress::Egress;
use crate::outbound::{Outbound, OutboundAnswer, OutboundRequest};

/// What the sources of secrets are read with. Without any of it, only files and commands are read.
#[derive(Clone, Default)]
pub struct SourceAccess {
    /// Variables of the gateway, by name.
    pub variables: BTreeMap<String, String>,
    /// The way to servers that keep secrets.
    pub network: Option<SourceNetwork>,
}

/// The gateway's own way to servers, under the rules of egress.
#[derive(Debug, Clone)]
pub struct SourceNetwork {
    /// Sends requests, and gives up in time.
    pub outbound: Outbound,
    /// Decides which addresses are contacted.
    pub egress: Arc<Egress>,
    /// Where requests run: threads that read have no runtime.
    pub runtime: Handle,
}

impl SourceNetwork {
    /// Sends a request and blocks until there is an answer; the error says why there is none.
    pub(super) fn ask(&self, request: OutboundRequest) -> Result<OutboundAnswer, String> {
        let (tell, told) = mpsc::channel();
        let (outbound, egress) = (self.outbound.clone(), Arc::clone(&self.egress));
        // Spawned and not blocked on, which panics where the runtime ends meanwhile.
        self.runtime.spawn(async move {
            let _ = tell.send(outbound.send(&egress, request).await);
        });
        let answer = told.recv().map_err(|_| "the gateway ends".to_owned())?;
        answer.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for SourceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceAccess(..)")
    }
}
