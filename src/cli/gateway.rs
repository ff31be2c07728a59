//! Calls the running gateway over the socket in its state directory; a gateway that does not answer is exit code 3.
//!
//! INVARIANT: an operator's token goes to that socket only, never to an address that a file names.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::failure::Failure;
use super::state::StateDir;

/// The longest answer read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// How long the gateway has for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The admin side of a gateway that may be running.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    state: StateDir,
    /// `TOLLGATE_OPERATOR_TOKEN`; else the file of operator `local`.
    token: Option<String>,
}

impl Gateway {
    /// Remembers where to ask.
    pub(super) fn new(state: StateDir, token: Option<String>) -> Self {
        Self { state, token }
    }

    /// Asks for a document with an operator's token.
    pub(super) async fn get(&self, path: &str) -> Result<Json, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a change and returns the gateway's answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, Failure> {
        let body = body.map(Json::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::failed("request", error.to_string()))?;
        timeout(PATIENCE, self.ask(request))
            .await
            .unwrap_or_else(|_| {
                Err(Failure::unreached(
                    "gateway_unreached",
                    "the gateway does not answer in time",
                ))
            })
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Json, Failure> {
        let socket = self.state.admin_socket();
        match UnixStream::connect(&socket).await {
            Ok(stream) => self.exchange(stream, request).await,
            Err(_) => Err(Failure::unreached(
                "gateway_unreached",
                format!("no gateway answers at `{}`", socket.display()),
            )
            .help("start one: `tollgate serve`")),
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Json, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => read_token(&self.state.operator_token())?,
        };
        let broken = |error: &dyn std::fmt::Display| {
            Failure::unreached(
                "gateway_unreached",
                format!("the gateway broke off: {error}"),
            )
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let connection = tokio::spawn(connection);
        let bearer = header::HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Failure::failed("operator_token", "the operator's token is not text"))?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        connection.abort();
        let body = body.map_err(|error| broken(&error))?.to_bytes();
        let document: Json = serde_json::from_slice(&body).map_err(|_| {
            Failure::unreached(
                "gateway_unreached",
                "the program that answers there is not a gateway",
            )
        })?;
        if status == StatusCode::OK {
            return Ok(document);
        }
        Err(self.refused(status, &document))
    }

    /// Reports the gateway's reason for refusing.
    fn refused(&self, status: StatusCode, document: &Json) -> Failure {
        let detail = document
            .get("detail")
            .and_then(Json::as_str)
            .unwrap_or("no reason given");
        if status == StatusCode::UNAUTHORIZED {
            let file = self.state.operator_token();
            return Failure::failed("gateway_refused", format!("the gateway refuses: {detail}"))
                .help(format!(
                    "the operator's token is read from `{}`",
                    file.display()
                ));
        }
        Failure::failed("gateway_refused", detail)
    }
}

fn read_token(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| {
            let detail = format!(
                "the operator's token `{}` cannot be read: {error}",
                path.display()
            );
            Failure::unreached("operator_token", detail)
                .help("run this as the user of `tollgate serve`")
        })
}

/// Returns how a listen address is reached from this machine: every interface includes loopback.
pub(super) fn reachable(listen: &str) -> String {
    match listen.parse::<std::net::SocketAddr>() {
        Ok(address) => crate::admin::Hosts::reachable(address).to_string(),
        Err(_) => listen.to_owned(),
    }
}
