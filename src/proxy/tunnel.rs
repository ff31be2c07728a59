//! Serves an agent's connection: answers a CONNECT and hands its inside to Pingora, or hands on the connection itself.
//!
//! CONNECT is always answered 200 (except 407), so that a refusal can be read inside. TLS passthrough is different: see
//! `tls_passthrough.rs`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use pingora::protocols::{ALPN, Ssl as _, Stream};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::connection::{Connection, Tunnel, Via};
use super::drain::Drain;
use super::head::{self, Connect, First};
use super::header_deadline::HeaderDeadline;
use super::http1::Lane;
use super::http2::Http2;
use super::io::{Socket, TunnelIo};
use super::leaf::Leaves;
use super::outer::{Outer, OuterTls, TLS_HANDSHAKE};
use super::pre_auth::{Arrival, HeadFault, PreAuth, PreAuthQueue};
use super::respond::{After, GatewayResponse};
use super::services::Services;
use super::{Timeouts, internal, request_id};
use crate::model::agent::{Agent, AgentName};
use crate::model::clock::Clock;
use crate::model::target::{Authority, Host};
use crate::pipeline::admit::{Pass, admit, keep, recognise};
use crate::pipeline::record::{refused_early, refused_unauthenticated};
use crate::pipeline::refuse::{Code, Refusal, RefusedExchange};
use crate::pipeline::{Gateway, Share};

/// Refused CONNECTs on one connection: git asks bare first, then with its token.
const MAX_ATTEMPTS: usize = 4;

/// State that all connections share.
pub(super) struct Edge {
    pub(super) services: Services,
    pub(super) gateway: Arc<Gateway>,
    pub(super) leaves: Leaves,
    pub(super) drain: Arc<Drain>,
    pub(super) outer_tls: Option<OuterTls>,
    pub(super) unauthenticated: Arc<PreAuthQueue>,
    pub(super) timeouts: Timeouts,
    pub(super) clock: Clock,
}

/// A CONNECT that may open.
struct Admitted {
    authority: Authority,
    kept: Option<Kept>,
}

/// A connection that an agent may keep.
struct Kept {
    pass: Pass,
    agent: AgentName,
    _share: Share,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}

impl Edge {
    /// Serves a connection to its end.
    pub(super) async fn serve(&self, socket: Socket, arrival: Arrival) {
        let (outer, from, socket) = match (&self.outer_tls, arrival.peer, socket) {
            (Some(outer), Some(from), Socket::Tcp(socket)) => (outer, from, socket),
            (_, _, socket) => return self.serve_inside(PreAuth::new(socket, arrival)).await,
        };
        let accepted = tokio::select! {
            accepted = timeout(self.timeouts.request_head, outer.accept(socket, from)) => accepted,
            () = self.drain.settled() => return,
        };
        match accepted {
            Ok(Outer::Ended(socket) | Outer::Plain(socket)) => {
                self.serve_inside(PreAuth::new(socket, arrival)).await;
            }
            Ok(Outer::Exposed(socket)) => {
                self.refuse_exposed(PreAuth::new(socket, arrival)).await;
            }
            Ok(Outer::Gone) | Err(_) => {}
        }
    }

    /// Tells an agent on another machine to use TLS. Its bytes are read and discarded first, because closing with unread bytes
    /// would lose the answer.
    async fn refuse_exposed(&self, mut pre_auth: PreAuth) {
        let _ = pre_auth.socket.read_buf(&mut pre_auth.read).await;
        let detail = "This proxy speaks TLS: use an `https://` proxy URL.";
        let answer = GatewayResponse::refusal(&self.refusal(Code::BadRequest, detail));
        pre_auth.write(&answer.to_bytes(After::Close)).await;
        pre_auth.close().await;
    }

    async fn serve_inside(&self, mut pre_auth: PreAuth) {
        for _ in 0..MAX_ATTEMPTS {
            let Some(head) = self.read_head(&mut pre_auth).await else {
                return;
            };
            let refused = match head::first(&head) {
                Ok(First::Other(headers)) => match self.recognise(&headers, "").await {
                    Ok(kept) => return self.pass_on(pre_auth, &head, kept).await,
                    Err(refusal) => (refusal, After::Close),
                },
                Ok(First::Connect(connect)) => match self.check(&connect).await {
                    Ok(admitted) => return self.open(pre_auth, admitted).await,
                    Err(refusal) => (
                        refusal,
                        if connect.persistent {
                            After::Stay
                        } else {
                            After::Close
                        },
                    ),
                },
                Err(detail) => (self.refuse_unauthenticated(&pre_auth, detail), After::Close),
            };
            let (refusal, after) = refused;
            let after = if refusal.code() == Code::ProxyAuthenticationRequired {
                refused_unauthenticated(&self.gateway, pre_auth.peer, refusal.code());
                after
            } else {
                After::Close
            };
            if !pre_auth
                .write(&GatewayResponse::refusal(&refusal).to_bytes(after))
                .await
                || after == After::Close
            {
                return pre_auth.close().await;
            }
        }
        pre_auth.close().await;
    }

    /// Reads a head; `None` if the agent left, or was too slow and got an answer.
    async fn read_head(&self, pre_auth: &mut PreAuth) -> Option<Bytes> {
        let fault = tokio::select! {
            biased;
            head = timeout(self.timeouts.request_head, pre_auth.read_head()) => match head {
                Ok(Ok(head)) => return Some(head),
                Ok(Err(fault)) => fault,
                Err(_) => HeadFault::Late,
            },
            () = self.drain.settled() => HeadFault::Draining,
        };
        let refusal = match fault {
            HeadFault::Left => return None,
            // A connection that has sent nothing gets no answer.
            HeadFault::Late | HeadFault::Draining if pre_auth.read.is_empty() => return None,
            HeadFault::TooLong => {
                self.refuse_unauthenticated(pre_auth, "the request head is over 16 KiB")
            }
            HeadFault::Late => {
                self.refuse_unauthenticated(pre_auth, "the request head did not arrive in time")
            }
            HeadFault::Draining => self.refused(Code::Draining),
        };
        pre_auth
            .write(&GatewayResponse::refusal(&refusal).to_bytes(After::Close))
            .await;
        None
    }

    /// Hands a connection on whose first request is no CONNECT. Without a token it keeps its place among those that opened.
    async fn pass_on(&self, mut pre_auth: PreAuth, head: &Bytes, kept: Option<Kept>) {
        let _kept = kept.inspect(|_| pre_auth.slot = None);
        // Pingora reads the head again, with whatever came after it.
        let ahead = pre_auth.whole(head);
        let header_deadline = HeaderDeadline::new(self.timeouts.request_head);
        let connection =
            Connection::new(Via::Direct, pre_auth.peer, pre_auth.fresh, header_deadline);
        self.hand_over(pre_auth.socket, ahead, connection).await;
    }

    /// Counts the connection for the agent of this token; one without a token belongs to no agent.
    async fn recognise(
        &self,
        headers: &HeaderMap,
        host: &str,
    ) -> Result<Option<Kept>, RefusedExchange> {
        match recognise(&self.gateway, headers) {
            None => Ok(None),
            Some((pass, agent)) => self.keep(pass, &agent, host).await.map(Some),
        }
    }

    /// Counts a refusal of an unauthenticated connection and returns it.
    fn refuse_unauthenticated(&self, pre_auth: &PreAuth, detail: &str) -> RefusedExchange {
        let refusal = self.refusal(Code::BadRequest, detail);
        let code = refusal.code();
        self.gateway
            .dependencies()
            .metrics
            .refused("", "", code.as_str());
        refused_unauthenticated(&self.gateway, pre_auth.peer, code);
        refusal
    }

    async fn keep(&self, pass: Pass, agent: &Agent, host: &str) -> Result<Kept, RefusedExchange> {
        match keep(&self.gateway, agent) {
            Ok(share) => Ok(Kept {
                pass,
                agent: agent.name.clone(),
                _share: share,
            }),
            Err(refusal) => {
                let refusal = self.refused(refusal);
                refused_early(&self.gateway, (Some(pass), None), host, &refusal).await;
                Err(refusal)
            }
        }
    }

    /// Decides whether a CONNECT opens; not whether requests in it pass.
    async fn check(&self, connect: &Connect) -> Result<Admitted, RefusedExchange> {
        let authority = Authority::parse(&connect.target, 443)
            .map_err(|error| self.refusal(Code::BadRequest, &error.to_string()))?;
        let host = authority.to_string();
        let kept = if internal::is_internal(&authority) {
            self.recognise(&connect.headers, &host).await?
        } else {
            let admitted = admit(&self.gateway, &connect.headers);
            let (pass, agent) = admitted.map_err(|refusal| self.refused(refusal))?;
            Some(self.keep(pass, &agent, &host).await?)
        };
        Ok(Admitted { authority, kept })
    }

    /// Answers 200 and serves the inside, or passes the tunnel through where a connector says so.
    async fn open(&self, mut pre_auth: PreAuth, admitted: Admitted) {
        let Admitted { authority, kept } = admitted;
        if let Some(kept) = &kept {
            pre_auth.slot = None;
            if let Some(found) = self.find_passthrough(&authority) {
                return self
                    .pass_through(pre_auth, found, authority, kept.pass)
                    .await;
            }
            if authority.port != 80 && !self.leaves.allows(&kept.agent, &authority.host) {
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
            self.terminate(pre_auth.socket, ahead, connection, &host)
                .await;
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
    async fn terminate(&self, socket: Socket, ahead: Bytes, connection: Connection, host: &Host) {
        let connection = Arc::new(connection);
        let (acceptor, stream) = match (
            self.leaves.acceptor(host),
            TunnelIo::new(socket, ahead, Arc::clone(&connection)),
        ) {
            (Ok(acceptor), Ok(stream)) => (acceptor, stream),
            (Err(error), _) => {
                return tracing::error!(%error, host = %host, "no certificate for a host");
            }
            (_, Err(_)) => return,
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

    async fn hand_over(&self, socket: Socket, ahead: Bytes, connection: Connection) {
        let connection = Arc::new(connection);
        if let Ok(stream) = TunnelIo::new(socket, ahead, Arc::clone(&connection)) {
            self.run_http1(Box::new(stream), connection).await;
        }
    }

    async fn run_http1(&self, stream: Stream, connection: Arc<Connection>) {
        connection.header_deadline.begin();
        Lane::new(&self.services, stream, connection).run().await;
    }

    pub(super) fn refusal(&self, code: Code, detail: &str) -> RefusedExchange {
        self.refused(Refusal::because(code, detail.to_owned()))
    }

    /// Joins a refusal with a connection that has no exchange yet.
    fn refused(&self, refusal: impl Into<Refusal>) -> RefusedExchange {
        RefusedExchange::unjudged(refusal, &request_id(&self.clock))
    }
}
