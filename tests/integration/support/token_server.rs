//! A token server that is as strict as RFC 6749: it knows its client, gives each token a lifetime, and takes a refresh token once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::certificate::{Issued, Validity};

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const SECRET: &str = "s3cret of:the client";
pub(crate) const FIRST_REFRESH: &str = "refresh-token-0000";

/// A request to the token endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) form: HashMap<String, String>,
    /// Whether it had an error for an answer.
    pub(crate) refused: bool,
}

/// What it does instead of what it should.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mood {
    Good,
    /// Answers with this status and body.
    Says(u16, String),
    /// Waits until its mood changes.
    Holds,
}

pub(crate) struct TokenServer {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    asked: Mutex<Vec<Asked>>,
    arrived: watch::Sender<usize>,
    mood: watch::Sender<Mood>,
    refresh: Mutex<String>,
    /// Challenge and redirection of the code that was given away.
    authorized: Mutex<Option<(String, String)>>,
    /// Questions for a device's token that are still answered with `authorization_pending`.
    pending: Mutex<usize>,
    issued: Mutex<usize>,
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TokenServer {
    pub(crate) async fn start(name: &str) -> Self {
        let issued = Issued::new(&[name], Validity::Now);
        let tls = TlsAcceptor::from(Arc::new(issued.server(&[b"http/1.1"])));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            asked: Mutex::default(),
            arrived: watch::Sender::new(0),
            mood: watch::Sender::new(Mood::Good),
            refresh: Mutex::new(FIRST_REFRESH.to_owned()),
            authorized: Mutex::new(None),
            pending: Mutex::new(2),
            issued: Mutex::new(0),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self {
            address,
            ca_pem: issued.ca_pem,
            state,
            task,
        }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().clone()
    }

    /// Signs a person in, as the page at `url` would; returns where the browser is sent.
    pub(crate) fn sign_in(&self, url: &str) -> String {
        let (_, query) = url.split_once('?').unwrap();
        let asked = form(query.as_bytes());
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        let redirect = asked["redirect_uri"].clone();
        let authorized = (asked["code_challenge"].clone(), redirect.clone());
        *self.state.authorized.lock() = Some(authorized);
        format!("{redirect}?code=code%2D0001&state={}", asked["state"])
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.state.mood.send_replace(mood);
    }

    /// Waits until it was asked so often.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut arrived = self.state.arrived.subscribe();
        arrived.wait_for(|arrived| *arrived >= count).await.unwrap();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            // A failed handshake is the gateway's to report.
            let Ok(socket) = tls.accept(socket).await else {
                return;
            };
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(request, &state).await) }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let form = form(&body);
    state.arrived.send_modify(|arrived| *arrived += 1);
    let mut mood = state.mood.subscribe();
    let mood = mood
        .wait_for(|mood| *mood != Mood::Holds)
        .await
        .unwrap()
        .clone();
    let (status, text) = match mood {
        Mood::Says(status, text) => (status, text),
        Mood::Good | Mood::Holds => {
            let is_token = parts.method == http::Method::POST && parts.uri.path() == "/token";
            let is_device = parts.uri.path() == "/device" && form["client_id"] == CLIENT;
            let authorization = parts.headers.get("authorization");
            let (status, json) = if is_token {
                grant(
                    authorization.map(|value| value.to_str().unwrap()),
                    &form,
                    state,
                )
            } else if is_device {
                (
                    200,
                    json!({ "device_code": "device-0001", "user_code": "WDJB-MJHT", "verification_uri": "https://auth.test/device", "expires_in": 600, "interval": 0 }),
                )
            } else {
                (404, json!({}))
            };
            (status, json.to_string())
        }
    };
    let refused = status != 200;
    state.asked.lock().push(Asked { form, refused });
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(Full::new(text.into()))
        .unwrap()
}

fn grant(
    authorization: Option<&str>,
    form: &HashMap<String, String>,
    state: &State,
) -> (u16, Json) {
    // RFC 6749 section 2.3.1.
    let pair = STANDARD.encode("client-1:s3cret%20of%3Athe%20client");
    let by_header = authorization == Some(&*format!("Basic {pair}"));
    let by_body = form.get("client_id").is_some_and(|id| id == CLIENT)
        && form
            .get("client_secret")
            .is_some_and(|secret| secret == SECRET);
    if by_header == by_body {
        return (401, json!({ "error": "invalid_client" }));
    }
    let mut issued = state.issued.lock();
    let mut answer = json!({
        "access_token": format!("access-token-{:04}", *issued + 1),
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some("authorization_code") => {
            let Some((challenge, redirect)) = state.authorized.lock().take() else {
                return (400, json!({ "error": "invalid_grant" }));
            };
            let proved = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
            if form["code"] != "code-0001"
                || form["redirect_uri"] != redirect
                || proved != challenge
            {
                return (400, json!({ "error": "invalid_grant" }));
            }
            answer["refresh_token"] = json!(FIRST_REFRESH);
        }
        Some("urn:ietf:params:oauth:grant-type:device_code") => {
            let mut pending = state.pending.lock();
            if form["device_code"] != "device-0001" || *pending > 0 {
                *pending = pending.saturating_sub(1);
                return (400, json!({ "error": "authorization_pending" }));
            }
            answer["refresh_token"] = json!(FIRST_REFRESH);
        }
        Some("refresh_token") => {
            let mut refresh = state.refresh.lock();
            if form.get("refresh_token") != Some(&*refresh) {
                return (400, json!({ "error": "invalid_grant" }));
            }
            *refresh = format!("refresh-token-{:04}", *issued + 1);
            answer["refresh_token"] = json!(*refresh);
        }
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
            answer["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:access_token");
        }
        _ => return (400, json!({ "error": "unsupported_grant_type" })),
    }
    *issued += 1;
    (200, answer)
}

fn form(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.unwrap().into_owned()
    };
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
