//! Calls the running gateway over the socket in its state directory, or over TLS; a gateway that does not answer is exit code 3.
//!
//! INVARIANT: an operator's token goes to that socket, or over TLS to the server that the operator names, never to an address that
//! a file names.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Context;
use super::failure::Failure;
use super::named_config::NamedConfig;
use super::remote::Server;
use super::state::StateDir;
use crate::admin::ShownToken;

/// The longest answer read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long the gateway has for an answer. A change of rules compiles all files twice before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The admin side of a gateway that may be running.
#[derive(Debug, Clone)]
pub(super) struct Gateway {
    address: Address,
    /// The gateway is asked only if it runs with this configuration.
    named: Option<NamedConfig>,
    /// `TOLLGATE_OPERATOR_TOKEN`; else the file of operator `local`.
    token: Option<ShownToken>,
}

/// Where a gateway answers.
#[derive(Debug, Clone)]
enum Address {
    /// The socket in a state directory.
    Socket(StateDir),
    /// Another machine, over TLS.
    Server(Server),
}

impl Gateway {
    /// Remembers where to ask, and with which configuration the gateway must run, if the command names one.
    pub(super) fn new(context: &Context, state: StateDir) -> Self {
        let token = context.process.variable("TOLLGATE_OPERATOR_TOKEN");
        Self {
            address: Address::Socket(state),
            named: NamedConfig::of(context),
            token: token.map(ShownToken::new),
        }
    }

    /// Remembers a gateway on another machine. Its token is a variable: no file of this machine belongs to it.
    pub(super) fn remote(context: &Context, url: &str) -> Result<Self, Failure> {
        let token = context.process.variable("TOLLGATE_OPERATOR_TOKEN");
        let Some(token) = token else {
            let detail = "`--server` needs an operator's token in TOLLGATE_OPERATOR_TOKEN";
            return Err(Failure::usage(detail).help(
                "make one on the gateway's machine: `tollgate operator add NAME --role ROLE`",
            ));
        };
        Ok(Self {
            token: Some(ShownToken::new(token)),
            named: None,
            address: Address::Server(Server::parse(url, context.ca.as_deref())?),
        })
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
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|error| Failure::failed("request", error.to_string()))?;
        let (status, body) = self.exchange(request).await?;
        let document: Json = serde_json::from_slice(&body).map_err(|_| {
            Failure::unreached(
                "gateway_unreached",
                "the program that answers there is not a gateway",
            )
        })?;
        if status.is_success() {
            return Ok(document);
        }
        Err(self.refused(status, &document))
    }

    /// Returns the origin of a gateway on another machine, `https://host[:port]` as it was given; `None` for the socket.
    pub(super) fn origin(&self) -> Option<String> {
        match &self.address {
            Address::Socket(_) => None,
            Address::Server(server) => Some(format!("https://{}", server.authority())),
        }
    }

    /// Returns whether anything listens where the gateway answers; another machine is not asked.
    pub(super) async fn is_there(&self) -> bool {
        match &self.address {
            Address::Socket(state) => UnixStream::connect(state.admin_socket()).await.is_ok(),
            Address::Server(_) => true,
        }
    }

    /// Sends a request and returns status and body of the answer.
    pub(super) async fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let exchange = async {
            let (status, body) = self.open(request).await?;
            Ok((status, Self::whole(body).await?))
        };
        let asked = timeout(ANSWER_TIMEOUT, exchange).await;
        asked.unwrap_or_else(|_| {
            Err(Failure::unreached(
                "gateway_unreached",
                "the gateway does not answer in time",
            ))
        })
    }

    /// Reads an answer to its end.
    pub(super) async fn whole(body: Incoming) -> Result<Bytes, Failure> {
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        Ok(body.map_err(|error| broken(&error))?.to_bytes())
    }

    /// Sends a request and returns the status of the answer, whose body comes piece by piece.
    pub(super) async fn open(
        &self,
        request: Request<Bytes>,
    ) -> Result<(StatusCode, Incoming), Failure> {
        self.check_named().await?;
        self.ask(request).await
    }

    /// Refuses a gateway that runs with another configuration than the command names.
    pub(super) async fn check_named(&self) -> Result<(), Failure> {
        let (Some(named), Address::Socket(state)) = (&self.named, &self.address) else {
            return Ok(());
        };
        let request = Request::get("/api/v1/status")
            .body(Bytes::new())
            .map_err(|error| Failure::failed("request", error.to_string()))?;
        let (code, body) = self.ask(request).await?;
        let body = Self::whole(body).await?;
        let status: Json = serde_json::from_slice(&body).unwrap_or_default();
        if code.is_success() {
            named.check(&status, state.path())
        } else {
            Err(self.refused(code, &status))
        }
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<(StatusCode, Incoming), Failure> {
        let mut request = request.map(Full::new);
        let host = match &self.address {
            Address::Socket(_) => "localhost",
            Address::Server(server) => server.authority(),
        };
        let host = header::HeaderValue::try_from(host)
            .map_err(|_| Failure::usage("the server's name is not text"))?;
        request.headers_mut().insert(header::HOST, host);
        match &self.address {
            Address::Socket(state) => {
                let socket = state.admin_socket();
                match UnixStream::connect(&socket).await {
                    Ok(stream) => self.open_on(stream, request).await,
                    Err(_) => Err(Failure::unreached(
                        "gateway_unreached",
                        format!("no gateway answers at `{}`", socket.display()),
                    )
                    .help("start one: `tollgate serve`")),
                }
            }
            Address::Server(server) => {
                let stream = server.connect().await?;
                self.open_on(stream, request).await
            }
        }
    }

    async fn open_on<S>(
        &self,
        stream: S,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Incoming), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let token = match (&self.token, &self.address) {
            (Some(token), _) => token.clone(),
            (None, Address::Socket(state)) => read_token(&state.operator_token())?,
            (None, Address::Server(_)) => ShownToken::new(""),
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // It ends with the answer's body, or with the process.
        tokio::spawn(connection);
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", token.text()))
            .map_err(|_| Failure::failed("operator_token", "the operator's token is not text"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        Ok((response.status(), response.into_body()))
    }

    /// Reports the gateway's reason for refusing.
    fn refused(&self, status: StatusCode, document: &Json) -> Failure {
        let detail = document
            .get("detail")
            .and_then(Json::as_str)
            .unwrap_or("no reason given");
        if let (StatusCode::UNAUTHORIZED, Address::Socket(state)) = (status, &self.address) {
            let file = state.operator_token();
            return Failure::failed("gateway_refused", format!("the gateway refuses: {detail}"))
                .help(format!(
                    "the operator's token is read from `{}`",
                    file.display()
                ));
        }
        Failure::failed("gateway_refused", detail)
    }
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::unreached(
        "gateway_unreached",
        format!("the gateway broke off: {error}"),
    )
}

fn read_token(path: &std::path::Path) -> Result<ShownToken, Failure> {
    std::fs::read_to_string(path)
        .map(|text| ShownToken::new(text.trim()))
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
