//! Opens a CONNECT and serves the requests inside it.
//!
//! CONNECT is always answered 200 (except 407), so that a refusal can be read inside. TLS passthrough is different: see
//! `tls_passthrough.rs`.

use std::sync::Arc;

use bytes::Bytes;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::{ALPN, Ssl as _, Stream};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::{Admitted, Edge};
use crate::model::target::{Authority, Host};
use crate::pipeline::admit::Pass;
use crate::pipeline::record::refused_early;
use crate::pipeline::refuse::Code;
use crate::proxy::connection::{Connection, Tunnel, Via};
use crate::proxy::header_deadline::HeaderDeadline;
use crate::proxy::http1::Lane;
use crate::proxy::http2::Http2;
use crate::proxy::io::{Socket, TunnelIo};
use crate::proxy::outer::TLS_HANDSHAKE;
use crate::proxy::pre_auth::PreAuth;
use crate::proxy::request_id;
use crate::proxy::respond::{After, GatewayResponse};

impl Edge {
    /// Answers 200 and serves the inside, or passes the tunnel through where a connector says so.
    pub(super) async fn open(&self, mut pre_auth: PreAuth, admitted: Admitted) {
        let Admitted { authority, kept } = admitted;
        if let Some(kept) = &kept {
            pre_auth.slot = None;
            if let Some(found) = self.find_passthrough(&authority) {
                return self
                    .pass_through(pre_auth, found, authority, kept.pass)
                    .await;
            }
            if authority.port != 80
                && !self
                    .leaves
                    .allows((&kept.agent, kept.pass), &authority.host)
            {
                return self.refuse_leaf(pre_auth, &authority, kept.pass).await;
            }
        }
        let _counted = (
            self.drain.tunnel(),
            self.gateway.dependencies().metrics.tunnel(),
        );
        let established = format!(
            "HTTP/1.1 200 Connection Established\r\ntollgate-request-id: {}\r\n\r\n",
            request_id(&self.clock)
        );
        if !pre_auth.write(established.as_bytes()).await {
            return;
        }
        let Some(first) = self.read_first(&mut pre_auth).await else {
            return;
        };
        let tls = first == TLS_HANDSHAKE;
        if !tls && authority.port == 443 {
            let refusal = self.refusal(
                Code::BadRequest,
                "port 443 must speak TLS inside the tunnel",
            );
            pre_auth
                .write(&GatewayResponse::refusal(&refusal).to_bytes(After::Close))
                .await;
            return pre_auth.close().await;
        }
        let host = authority.host.clone();
        let pass = kept.as_ref().map(|kept| kept.pass);
        let via = Via::Tunnel(Tunnel::new(authority, pass, tls));
        let header_deadline = HeaderDeadline::new(self.timeouts.request_head);
        let connection = Connection::new(via, pre_auth.peer, pre_auth.fresh, header_deadline);
        let ahead = pre_auth.read.freeze();
        if tls {
            match self.leaves.acceptor(&host, pass) {
                Ok(acceptor) => {
                    self.terminate(pre_auth.socket, ahead, connection, (&acceptor, &host))
                        .await;
                }
                Err(error) => tracing::error!(%error, host = %host, "no certificate for a host"),
            }
        } else {
            self.hand_over(pre_auth.socket, ahead, connection).await;
        }
    }

    /// Refuses an agent that makes the gateway sign too much.
    async fn refuse_leaf(&self, mut pre_auth: PreAuth, authority: &Authority, pass: Pass) {
        self.gateway.dependencies().metrics.limit_reached("leaves");
        let detail = "This agent opens tunnels to new hosts too quickly.";
        let refusal = self.refusal(Code::Busy, detail);
        let host = authority.to_string();
        refused_early(&self.gateway, (Some(pass), None), &host, &refusal).await;
        let answer = GatewayResponse::refusal(&refusal).to_bytes(After::Close);
        pre_auth.write(&answer).await;
        pre_auth.close().await;
    }

    /// Waits for the first byte inside a tunnel.
    async fn read_first(&self, pre_auth: &mut PreAuth) -> Option<u8> {
        if pre_auth.read.is_empty() {
            let read = tokio::select! {
                read = timeout(self.timeouts.idle, pre_auth.socket.read_buf(&mut pre_auth.read)) => read.ok()?.ok()?,
                () = self.drain.settled() => return None,
            };
            if read == 0 {
                return None;
            }
        }
        pre_auth.read.first().copied()
    }

    /// Ends the agent's TLS here and serves the requests inside.
    async fn terminate(
        &self,
        socket: Socket,
        ahead: Bytes,
        connection: Connection,
        (acceptor, host): (&Acceptor, &Host),
    ) {
        let connection = Arc::new(connection);
        let Ok(stream) = TunnelIo::new(socket, ahead, Arc::clone(&connection)) else {
            return;
        };
        let tls = match timeout(self.timeouts.request_head, acceptor.tls_handshake(stream)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(_)) => {
                return tracing::info!(host = %host, "TLS handshake with an agent failed; does it trust the CA?");
            }
            Err(_) => {
                return tracing::debug!(host = %host, "TLS handshake with an agent took too long");
            }
        };
        if let Via::Tunnel(tunnel) = &connection.via
            && let Some(name) = tls.get_ssl().and_then(|tls| tls.server_name())
            && Host::parse(name).as_ref() != Ok(host)
        {
            tunnel.note_other_sni();
        }
        if tls.selected_alpn_proto() == Some(ALPN::H2) {
            return self
                .services
                .run(Box::new(Http2::new(Box::new(tls), connection)))
                .await;
        }
        self.run_http1(Box::new(tls), connection).await;
    }

    /// Serves a connection that has no TLS, from its first request on.
    pub(super) async fn hand_over(&self, socket: Socket, ahead: Bytes, connection: Connection) {
        let connection = Arc::new(connection);
        if let Ok(stream) = TunnelIo::new(socket, ahead, Arc::clone(&connection)) {
            self.run_http1(Box::new(stream), connection).await;
        }
    }

    async fn run_http1(&self, stream: Stream, connection: Arc<Connection>) {
        Lane::new(&self.services, stream, connection).run().await;
    }
}
