//! Asks the gateway of `--server` for records, and prints them as those of this machine are printed.

use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use serde_json::{Value as Json, json};

use super::{print, show, unknown};
use crate::admin::service::records::RecordList;
use crate::admin::service::verification::Verified;
use crate::cli::Context;
use crate::cli::api::{Api, Call, segment};
use crate::cli::args::{Filter, Format, Verify};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::journal::{Line, Report};

/// Most records that the API answers at once.
const PAGE: usize = 1000;

/// Prints the newest records that match, oldest first, and those that come after them where `follow` says so.
pub(super) async fn query(
    context: &Context,
    api: &Api,
    (filter, limit, follow): (&Filter, usize, bool),
) -> Outcome {
    let mut records: Vec<Json> = Vec::new();
    let mut cursor = String::new();
    while records.len() < limit {
        let page = (limit - records.len()).min(PAGE);
        let path = format!("/api/v1/records?limit={page}{}{cursor}", filter.query());
        let list: RecordList = api.get(path).await?;
        records.extend(list.records);
        match list.next {
            Some(next) => cursor = format!("&cursor={}", segment(&next)),
            None => break,
        }
    }
    records.reverse();
    if records.is_empty() {
        unknown::tell(context, filter).await;
    }
    if context.output.is_json() && !follow {
        context.output.document(&json!({ "records": records }))?;
        return Ok(Exit::Done);
    }
    let lines = records
        .iter()
        .map(|record| Line::of(record.to_string().as_bytes()));
    show(context, &lines.collect::<Vec<_>>(), follow)?;
    if follow {
        let last = records
            .last()
            .and_then(|record| record.get("seq")?.as_u64());
        follow_on(context, api, (filter, last)).await?;
    }
    Ok(Exit::Done)
}

/// Prints records as the gateway sends them, until it ends or the process is told to.
async fn follow_on(
    context: &Context,
    api: &Api,
    (filter, last): (&Filter, Option<u64>),
) -> Result<(), Failure> {
    let path = format!(
        "/api/v1/records/stream?{}",
        filter.query().trim_start_matches('&')
    );
    let last = last.map(|seq| ("last-event-id", seq.to_string()));
    let body = api.stream(Call::new(Method::GET, path), last).await?;
    let events = each_line(body, |event| match event.strip_prefix(b"data: ") {
        Some(record) if !record.is_empty() => print(context, &[Line::of(record)]),
        _ => Ok(()),
    });
    tokio::select! {
        ended = events => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Prints an export line by line as it comes.
pub(super) async fn export(
    context: &Context,
    api: &Api,
    (format, filter): (Format, &Filter),
) -> Outcome {
    let form = match format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
        Format::Ocsf => "ocsf",
    };
    let path = format!("/api/v1/records/export?format={form}{}", filter.query());
    let body = api.stream(Call::new(Method::GET, path), None).await?;
    each_line(body, |line| {
        context.output.line(&String::from_utf8_lossy(line))
    })
    .await?;
    Ok(Exit::Done)
}

/// Lets the gateway verify its journal, and returns its report.
pub(super) async fn verify(api: &Api, args: &Verify) -> Result<Report, Failure> {
    let wanted = json!({ "key": args.key, "since": args.since });
    let verified: Verified = api.post("/api/v1/journal/verify", &wanted).await?;
    serde_json::from_value(verified.report).map_err(|error| {
        let detail = format!("the gateway is of another version: {error}");
        Failure::failed("gateway_version", detail)
    })
}

/// Calls with each line of an answer, without its LF.
async fn each_line(
    mut body: Incoming,
    mut call: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let detail = format!("the gateway broke off: {error}");
            Failure::unreached("gateway_unreached", detail)
        })?;
        let data: Bytes = frame.into_data().unwrap_or_default();
        rest.extend_from_slice(&data);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let after = rest.split_off(end + 1);
        for line in rest
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            call(line)?;
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { call(&rest) }
}

impl Filter {
    /// Returns the filter as a query string that goes on: `&agent=ci&since=2h`.
    fn query(&self) -> String {
        let fields = [
            ("agent", &self.agent),
            ("connector", &self.connector),
            ("action", &self.action),
            ("decision", &self.decision),
            ("code", &self.code),
            ("risk", &self.risk),
            ("request_id", &self.request),
            ("since", &self.since),
            ("until", &self.until),
            ("text", &self.text),
        ];
        let fields = fields.iter().filter_map(|(name, value)| {
            let value = segment(value.as_deref()?);
            Some(format!("&{name}={value}"))
        });
        fields.collect()
    }
}
