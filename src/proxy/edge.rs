//! Serves an agent's connection: ends the TLS around it, reads its first head, and opens a CONNECT or hands the connection on.

mod tls_passthrough;
mod tunnel;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::connection::{Connection, Via};
use super::drain::Drain;
use super::head::{self, Connect, First};
use super::header_deadline::HeaderDeadline;
use super::io::Socket;
use super::leaf::Leaves;
use super::outer::{Outer, OuterTls};
use super::pre_auth::{Arrival, HeadFault, PreAuth, PreAuthQueue};
use super::respond::{After, GatewayResponse};
use super::services::Services;
use super::{Timeouts, internal, request_id};
use crate::model::agent::{Agent, AgentName};
use crate::model::clock::Clock;
use crate::model::target::Authority;
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

    fn refusal(&self, code: Code, detail: &str) -> RefusedExchange {
        self.refused(Refusal::because(code, detail.to_owned()))
    }

    /// Joins a refusal with a connection that has no exchange yet.
    fn refused(&self, refusal: impl Into<Refusal>) -> RefusedExchange {
        RefusedExchange::unjudged(refusal, &request_id(&self.clock))
    }
}
