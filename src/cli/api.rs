//! Calls the admin API as a typed client: over the socket of the state directory, to `--server`, or without a gateway on the files.
//!
//! INVARIANT: where a gateway answers, nothing but its answer counts; a gateway that refuses is not bypassed.

use http::{Method, Request, StatusCode, header};
use hyper::body::{Bytes, Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::net::UnixStream;

use super::Context;
use super::control::Control;
use super::failure::Failure;
use super::gateway::Gateway;
use super::offline::{Access, Offline};

/// A client of the admin API.
#[derive(Debug)]
pub(super) struct Api(Transport);

#[derive(Debug)]
enum Transport {
    Gateway(Gateway),
    Offline(Offline),
}

/// A request to the API.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) method: Method,
    /// From `/api/v1/` on, with its query.
    pub(super) path: String,
    pub(super) body: Option<Json>,
    /// Revision of a preview.
    pub(super) if_match: Option<&'c str>,
}

impl Api {
    /// Finds the gateway. Without one, the files and the store answer, and standard error says so.
    pub(super) async fn find(context: &Context, access: Access) -> Result<Self, Failure> {
        if context.offline {
            let offline = Offline::open(context, access).await?;
            context
                .output
                .note("note: read from files and store; no gateway was asked");
            return Ok(Self(Transport::Offline(offline)));
        }
        if let Some(running) = Self::running(context).await? {
            return Ok(running);
        }
        let offline = Offline::open(context, access).await?;
        Ok(Self(Transport::Offline(offline)))
    }

    /// Finds the gateway that is asked; `None` where none runs, or none is to be asked.
    pub(super) async fn running(context: &Context) -> Result<Option<Self>, Failure> {
        if let Some(remote) = Self::remote(context)? {
            return Ok(Some(remote));
        }
        if context.offline {
            return Ok(None);
        }
        // What cannot be found because the configuration is broken is told by the files' own error.
        let Ok(control) = Control::find(context) else {
            return Ok(None);
        };
        let answers = UnixStream::connect(control.state().admin_socket()).await;
        let gateway = Transport::Gateway(control.gateway());
        Ok(answers.is_ok().then_some(Self(gateway)))
    }

    /// Returns the gateway of `--server`, where one is named.
    pub(super) fn remote(context: &Context) -> Result<Option<Self>, Failure> {
        let server = context.server.as_ref();
        let gateway = server.map(|server| Gateway::remote(context, server));
        Ok(gateway
            .transpose()?
            .map(|gateway| Self(Transport::Gateway(gateway))))
    }

    /// Reads all parts of a list; the items of each stand under a key.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
    ) -> Result<Vec<T>, Failure> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut at = path.to_owned();
        loop {
            let mut page: Json = self.get(at).await?;
            let items = page.get_mut(key).map(Json::take).unwrap_or_default();
            let items: Vec<T> =
                serde_json::from_value(items).map_err(|error| other_version(&error))?;
            all.extend(items);
            match page.get("next").and_then(Json::as_str) {
                Some(next) => at = format!("{path}{mark}cursor={}", segment(next)),
                None => return Ok(all),
            }
        }
    }

    /// Begins to read an answer that comes piece by piece, with a header of the request.
    pub(super) async fn stream(
        &self,
        call: Call<'_>,
        header: Option<(&'static str, String)>,
    ) -> Result<Incoming, Failure> {
        let Transport::Gateway(gateway) = &self.0 else {
            let detail = "only a gateway that runs sends a stream";
            return Err(Failure::unreached("gateway_unreached", detail));
        };
        let mut request = call.request()?;
        if let Some((name, value)) = header {
            let value = http::HeaderValue::try_from(value);
            let value = value.map_err(|error| Failure::failed("request", error.to_string()))?;
            request.headers_mut().insert(name, value);
        }
        let (status, body) = gateway.open(request).await?;
        if status.is_success() {
            return Ok(body);
        }
        let body = Gateway::whole(body).await?;
        let document = serde_json::from_slice(&body).map_err(|_| not_a_gateway())?;
        Err(refused(status, document))
    }

    /// Reads a document of the API.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: impl Into<String>,
    ) -> Result<T, Failure> {
        self.call(Call::new(Method::GET, path)).await
    }

    /// Sends a document and reads the answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.call(Call::new(Method::POST, path).body(body)).await
    }

    /// Removes what a path names.
    pub(super) async fn delete<T: DeserializeOwned>(
        &self,
        path: impl Into<String>,
    ) -> Result<T, Failure> {
        self.call(Call::new(Method::DELETE, path)).await
    }

    /// Makes a call and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Failure> {
        let (status, body) = match &self.0 {
            Transport::Gateway(gateway) => gateway.exchange(call.request()?).await?,
            Transport::Offline(offline) => offline.api.call(call.request()?).await,
        };
        let document: Json = serde_json::from_slice(&body).map_err(|_| not_a_gateway())?;
        if !status.is_success() {
            return Err(refused(status, document));
        }
        serde_json::from_value(document).map_err(|error| other_version(&error))
    }
}

impl<'c> Call<'c> {
    /// Begins a call without a body.
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            if_match: None,
        }
    }

    pub(super) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_value(body).ok();
        self
    }

    fn request(self) -> Result<Request<Bytes>, Failure> {
        let body = self.body.as_ref().map(Json::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(revision) = self.if_match {
            request = request.header(header::IF_MATCH, format!("\"{revision}\""));
        }
        let request = request.body(Bytes::from(body));
        request.map_err(|error| Failure::failed("request", error.to_string()))
    }
}

/// Returns a segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

fn other_version(error: &serde_json::Error) -> Failure {
    let detail = format!("the gateway is of another version: {error}");
    Failure::failed("gateway_version", detail)
}

fn not_a_gateway() -> Failure {
    let detail = "the program that answers there is not a gateway";
    Failure::unreached("gateway_unreached", detail)
}

/// Returns a problem document as a failure of the command.
pub(super) fn refused(status: StatusCode, document: Json) -> Failure {
    let text = |key: &str| document.get(key).and_then(Json::as_str).map(str::to_owned);
    let detail = text("detail").unwrap_or_else(|| format!("the gateway answers {status}"));
    let code = text("code").unwrap_or_else(|| "gateway_refused".to_owned());
    let help = text("help");
    let failure = if code == "store_unreached" {
        Failure::unreached("store_unreached", detail)
    } else {
        Failure::failed(code, detail)
    };
    let failure = failure.answered(document);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
