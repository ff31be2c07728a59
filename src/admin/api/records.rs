//! Serves `/api/v1/records` and `/api/v1/journal/verify`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as Raw;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_core::Stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, Params, PathNames};
use crate::admin::problem::Problem;
use crate::admin::routes::{Routes, bearer};
use crate::admin::service::Service;
use crate::admin::service::records::{Alive, RecordList, RequestRecords, SHOWN};
use crate::admin::service::verification::{Verification, Verified};
use crate::admin::shown_token::ShownToken;
use crate::admin::time::moment;
use crate::journal::{Format, Query};
use crate::model::action::Risk;
use crate::model::glob::Glob;

/// How often a silent stream says that it lives; its connection is closed after 30 s without a byte.
const ALIVE: Duration = Duration::from_secs(10);

/// Records in one answer, where nothing else is asked for; and most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_records))
        .at(READ, routes!(stream_records))
        .at(READ, routes!(export_records))
        .at(READ, routes!(show_request))
        .at(READ, routes!(verify_journal, show_verification))
}

/// Which records; all conditions must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Exact name of the agent.
    agent: Option<String>,
    /// Exact id of the connector.
    connector: Option<String>,
    /// Of any action of the request; `*` stands for any characters.
    action: Option<String>,
    /// `allow`, `deny` or `require_approval`.
    decision: Option<String>,
    /// Exact code of a refusal.
    code: Option<String>,
    /// `low`, `medium`, `high` or `critical`, of any action of the request.
    risk: Option<String>,
    /// ULID of the request.
    request_id: Option<String>,
    /// RFC 3339, or an age such as 2h or 7d.
    since: Option<String>,
    /// RFC 3339, or an age such as 2h or 7d.
    until: Option<String>,
    /// Anywhere in the record, as it is written there.
    text: Option<String>,
    /// Most records, 1 to 1000; of the list only.
    limit: Option<usize>,
    /// `next` of the answer before; of the list only.
    cursor: Option<String>,
    /// `jsonl`, `csv` or `ocsf`; of the export only.
    format: Option<String>,
}

/// What the verification takes for granted.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// Fingerprint that the signing key must have, `sha256:…`.
    key: Option<String>,
    /// RFC 3339, or an age; segments that end before are skipped.
    since: Option<String>,
    /// False to be answered at once; `GET` of the same path tells how far it is.
    #[serde(default)]
    wait: Option<bool>,
}

impl Filter {
    fn query(&self, service: &Service) -> Result<Query, Problem> {
        let now = service.clock().utc();
        let time = |field: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| moment(field, text, now)).transpose()
        };
        let decisions = ["allow", "deny", "require_approval"];
        let unknown = |decision: &String| !decisions.contains(&decision.as_str());
        if self.decision.as_ref().is_some_and(unknown) {
            let detail = "a decision is allow, deny or require_approval";
            return Err(Problem::bad("decision", detail));
        }
        let risk = self.risk.as_deref().map(str::parse::<Risk>).transpose();
        Ok(Query {
            agent: self.agent.clone(),
            connector: self.connector.clone(),
            action: self.action.as_deref().map(Glob::new),
            decision: self.decision.clone(),
            code: self.code.clone(),
            risk: risk.map_err(|error| Problem::bad("risk", error.to_string()))?,
            kinds: SHOWN.to_vec(),
            request_id: self.request_id.clone(),
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            text: self.text.clone(),
        })
    }
}

/// Items of a channel, as a stream. An operator that is removed gets none that waited for it.
struct Received<T, F> {
    receiver: mpsc::Receiver<T>,
    alive: Alive,
    make: F,
}

impl<T, U, F: Fn(T) -> U + Unpin> Stream for Received<T, F> {
    type Item = U;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<U>> {
        let next = self.receiver.poll_recv(context);
        next.map(|item| {
            item.filter(|_| (self.alive)())
                .map(|item| (self.make)(item))
        })
    }
}

/// Returns whether the token of a request is still an operator's, whenever it is asked.
fn alive(service: &Arc<Service>, headers: &HeaderMap) -> Alive {
    let token = bearer(headers).map(ShownToken::new);
    let service = Arc::clone(service);
    Arc::new(move || {
        let known = |token: &ShownToken| service.host().operator(token.text()).is_some();
        token.as_ref().is_none_or(known)
    })
}

/// Lists records, newest first
#[utoipa::path(get, path = "/api/v1/records", params(Filter), responses((status = 200, body = RecordList)))]
async fn list_records(
    State(service): State<Arc<Service>>,
    Params(filter): Params<Filter>,
) -> Result<Json<RecordList>, Problem> {
    let limit = filter.limit.unwrap_or(PAGE);
    if limit == 0 || limit > MAX_PAGE {
        return Err(Problem::bad("limit", "`limit` is between 1 and 1000"));
    }
    let query = filter.query(&service)?;
    let records = service.records(query, (filter.cursor, limit));
    records.await.map(Json)
}

/// Streams records as server-sent events, resumable by `Last-Event-ID`
#[utoipa::path(
    get, path = "/api/v1/records/stream",
    params(Filter, ("last-event-id" = Option<u64>, Header, description = "Number of the last record that was received")),
    responses((status = 200, body = String, content_type = "text/event-stream")),
)]
async fn stream_records(
    State(service): State<Arc<Service>>,
    Params(filter): Params<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = filter.query(&service)?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = after.map(str::parse::<u64>).transpose();
    let after = after.map_err(|_| Problem::bad("last-event-id", "it is a record's number"))?;
    let alive = alive(&service, &headers);
    let receiver = service.stream(query, (after, Arc::clone(&alive)));
    let make = |item: std::io::Result<(u64, crate::journal::Line)>| {
        Ok::<_, Infallible>(match item {
            Ok((seq, line)) => {
                let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
                Event::default()
                    .id(seq.to_string())
                    .event("record")
                    .data(text)
            }
            Err(error) => Event::default().event("error").data(error.to_string()),
        })
    };
    let events = Sse::new(Received {
        receiver,
        alive,
        make,
    });
    let events = events.keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(events.into_response())
}

/// Exports the records that match in the form of another tool, oldest first
#[utoipa::path(
    get, path = "/api/v1/records/export", params(Filter),
    responses((status = 200, body = String, content_type = "text/plain")),
)]
async fn export_records(
    State(service): State<Arc<Service>>,
    Params(filter): Params<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = filter.query(&service)?;
    let format = match filter.format.as_deref() {
        None | Some("jsonl") => Format::Jsonl,
        Some("csv") => Format::Csv,
        Some("ocsf") => Format::Ocsf,
        Some(_) => return Err(Problem::bad("format", "a format is jsonl, csv or ocsf")),
    };
    let receiver = service.export(query, format).await;
    let make = |text: std::io::Result<String>| text.map(|text| text + "\n");
    let body = Raw::from_stream(Received {
        receiver,
        alive: alive(&service, &headers),
        make,
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, body).into_response())
}

/// Shows the records of one request
#[utoipa::path(
    get, path = "/api/v1/records/{request_id}", params(("request_id" = String, Path, description = "ULID of the request")),
    responses((status = 200, body = RequestRecords), (status = 404, body = Problem)),
)]
async fn show_request(
    State(service): State<Arc<Service>>,
    PathNames(request_id): PathNames<String>,
) -> Result<Json<RequestRecords>, Problem> {
    service.request_records(&request_id).await.map(Json)
}

/// Verifies the journal, line by line
#[utoipa::path(
    post, path = "/api/v1/journal/verify", request_body = Verify,
    responses((status = 200, body = Verified), (status = 202, body = Verification), (status = 409, body = Problem)),
)]
async fn verify_journal(
    State(service): State<Arc<Service>>,
    Body(wanted): Body<Verify>,
) -> Result<Response, Problem> {
    let now = service.clock().utc();
    let since = wanted.since.as_deref();
    let since = since.map(|text| moment("since", text, now)).transpose()?;
    let task = service.verify(wanted.key, since)?;
    if wanted.wait == Some(false) {
        let begun = Json(service.verification());
        return Ok((StatusCode::ACCEPTED, begun).into_response());
    }
    let failed = |error: tokio::task::JoinError| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            error.to_string(),
        )
    };
    let verified = task.await.map_err(failed)??;
    Ok(Json(verified).into_response())
}

/// Tells how far the verification is that was started last, and what it found
#[utoipa::path(get, path = "/api/v1/journal/verify", responses((status = 200, body = Verification)))]
async fn show_verification(State(service): State<Arc<Service>>) -> Json<Verification> {
    Json(service.verification())
}
