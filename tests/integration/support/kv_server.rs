//! HashiCorp Vault as far as a reader of its engine KV version 2 sees it: tokens, namespaces, versions, a seal, and its own answers.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::certificate::{Issued, Validity};

/// The mount of its engine.
const MOUNT: &str = "team/kv";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    Open,
    Sealed,
    /// Answers nothing until it is something else.
    Holds,
}

pub(crate) struct KvServer {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    token: String,
    namespace: Option<String>,
    /// Versions of each path; `None` is a deleted one.
    secrets: Mutex<HashMap<String, Vec<Option<Json>>>>,
    seal: watch::Sender<Seal>,
    asked: Mutex<Vec<BTreeMap<String, String>>>,
    arrived: watch::Sender<usize>,
}

impl Drop for KvServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KvServer {
    /// Starts a server of this name that takes one token, in the root namespace or another one.
    pub(crate) async fn start(name: &str, token: &str, namespace: Option<&str>) -> Self {
        let issued = Issued::new(&[name], Validity::Now);
        let tls = TlsAcceptor::from(Arc::new(issued.server(&[b"http/1.1"])));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            token: token.to_owned(),
            namespace: namespace.map(str::to_owned),
            secrets: Mutex::default(),
            seal: watch::Sender::new(Seal::Open),
            asked: Mutex::default(),
            arrived: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self {
            address,
            ca_pem: issued.ca_pem,
            state,
            task,
        }
    }

    /// Writes a new version of a secret.
    pub(crate) fn put(&self, path: &str, fields: Json) {
        let mut secrets = self.state.secrets.lock();
        secrets
            .entry(path.to_owned())
            .or_default()
            .push(Some(fields));
    }

    /// Deletes the newest version of a secret, as `vault kv delete` does.
    pub(crate) fn delete(&self, path: &str) {
        let mut secrets = self.state.secrets.lock();
        *secrets.get_mut(path).unwrap().last_mut().unwrap() = None;
    }

    pub(crate) fn set(&self, seal: Seal) {
        self.state.seal.send_replace(seal);
    }

    /// Returns the headers of each request.
    pub(crate) fn asked(&self) -> Vec<BTreeMap<String, String>> {
        self.state.asked.lock().clone()
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
                async move { Ok::<_, Infallible>(answer(&request, &state).await) }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn answer(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    let headers = request.headers();
    let shown = headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().to_owned();
        (name.as_str().to_owned(), value)
    });
    state.asked.lock().push(shown.collect());
    state.arrived.send_modify(|arrived| *arrived += 1);
    let mut seal = state.seal.subscribe();
    let seal = *seal.wait_for(|seal| *seal != Seal::Holds).await.unwrap();
    let (status, body) = match seal {
        Seal::Sealed => (503, json!({ "errors": ["Vault is sealed"] })),
        Seal::Open | Seal::Holds => open(request.method(), request.uri().path(), headers, state),
    };
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(Full::new(body.to_string().into()))
        .unwrap()
}

fn open(method: &Method, path: &str, headers: &HeaderMap, state: &State) -> (u16, Json) {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let is_known = header("x-vault-token") == Some(&*state.token)
        && header("x-vault-namespace") == state.namespace.as_deref();
    if !is_known {
        let errors = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
        return (403, json!({ "errors": [errors] }));
    }
    if method != Method::GET {
        return (405, json!({ "errors": ["unsupported operation"] }));
    }
    let Some(path) = path.strip_prefix(&format!("/v1/{MOUNT}/data/")) else {
        return (404, json!({ "errors": ["no handler for route"] }));
    };
    let secrets = state.secrets.lock();
    let Some(versions) = secrets.get(path) else {
        return (404, json!({ "errors": [] }));
    };
    let fields = versions.last().unwrap();
    let deleted_at = if fields.is_none() {
        "2026-01-02T00:00:00Z"
    } else {
        ""
    };
    let body = json!({
        "request_id": "0a1b2c3d-0000-0000-0000-000000000000",
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": {
            "data": fields,
            "metadata": {
                "created_time": "2026-01-01T00:00:00Z",
                "custom_metadata": null,
                "deletion_time": deleted_at,
                "destroyed": false,
                "version": versions.len(),
            },
        },
        "wrap_info": null,
        "warnings": null,
        "auth": null,
        "mount_type": "kv",
    });
    (if fields.is_none() { 404 } else { 200 }, body)
}
