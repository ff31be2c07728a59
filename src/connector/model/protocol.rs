//! Names what two sides speak over one exchange.

/// What is spoken once the upstream has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The exchange stays HTTP.
    Http,
    /// RFC 6455, if the upstream agrees.
    WebSocket,
}
