//! Connects to an upstream's address through the operator's proxy.

use std::error::Error as _;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::pipeline::forward::Chain;

/// Connects through the operator's proxy. The caller bounds the time.
pub(super) async fn dial(chain: &Chain, address: SocketAddr) -> Option<TcpStream> {
    match chain.dial(address).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            // The operator must fix it, so the log has the details; agents only read that the upstream is not reached.
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(%error, cause, %address, "`egress.proxy` does not connect");
            None
        }
    }
}
