//! Prepares an attempt to send a permitted request for Pingora: the peer that it connects to, and the header that it sends.
//!
//! INVARIANT: only a permitted exchange has either.

use std::sync::Arc;

use http::Version;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use super::Intercept;
use crate::pipeline::inject::inject;
use crate::proxy::exchange::Exchange;
use crate::proxy::{peer, upstream};

impl Intercept {
    /// Builds the peer of the address that is tried.
    ///
    /// # Errors
    /// When the exchange has no permit, or the destination no address or server name.
    pub(super) fn peer(&self, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
        let Some(permitted) = exchange.permitted() else {
            return Error::e_explain(
                ErrorType::InternalError,
                "a request without a permit came to the upstream",
            );
        };
        let Some(upstream) = permitted.upstream() else {
            return Error::e_explain(ErrorType::InternalError, "a destination has no address");
        };
        let permit = &permitted.permit;
        let timeouts = self.timeouts.awaiting(permit.validity().first_byte());
        peer::peer(
            permit.outgoing(),
            &permitted.destination,
            (upstream.0, self.http2_support.ask(upstream)),
            &timeouts,
            Some((Arc::clone(&self.gateway), Arc::clone(permit.validity()))),
        )
    }

    /// Takes the connection for a request, and builds its header, with its credential. From here on the upstream may have seen it.
    ///
    /// # Errors
    /// When the permit was revoked, the connection must not carry the request, or the credential cannot be put on.
    pub(super) fn header(
        &self,
        exchange: &mut Exchange,
        version: Version,
    ) -> Result<RequestHeader> {
        // Connecting may have taken its time.
        exchange.check_validity(&self.gateway)?;
        let Some(permitted) = exchange.permitted() else {
            return Error::e_explain(
                ErrorType::InternalError,
                "a request without a permit was about to be sent",
            );
        };
        permitted.take_connection(version)?;
        let mut outgoing = permitted.permit.outgoing().clone();
        match inject(&self.gateway, &permitted.permit) {
            Ok(injected) => injected.put_on(&mut outgoing),
            Err(refusal) => {
                exchange.end(refusal);
                return Error::e_explain(ErrorType::InternalError, "refused while injecting");
            }
        }
        let line = outgoing.path.len() + outgoing.query.as_ref().map_or(0, String::len);
        let header = upstream::header(outgoing, permitted.framing, version)?;
        let fields: usize = header
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        permitted.open_exchange.note_sent((line + fields) as u64);
        Ok(header)
    }
}
