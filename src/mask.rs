//! Finds credentials in answers and overwrites them. A library of values and bytes: it knows no proxy, no vault and no connector.
//!
//! INVARIANT: of a form that [`PatternSet`] lists, no byte leaves a [`StreamMask`] before the form is complete or cannot become
//! complete any more. INVARIANT: what is not a form passes byte for byte, and every form keeps its length.

mod coding;
mod escape;
mod escape_search;
mod forms;
mod grpc;
mod patterns;
mod scan;
mod stream;
mod websocket;

pub use coding::{Coding, Decoder, Undecodable};
pub use grpc::{GrpcMessages, GrpcPlace};
pub use patterns::PatternSet;
pub use stream::{Reflections, StreamMask};
pub use websocket::{FrameFault, WebSocketMask};

/// What stands for each byte of a credential. It is harmless in JSON texts, URLs, headers and HTML.
pub const FILL: u8 = b'*';
