//! Judges a CONNECT to where TLS is not ended (`tls: passthrough`): a permit for the whole tunnel with its open record, or a refusal.
//!
//! INVARIANT: the gateway cannot read inside such a tunnel, so it is one action and gets no credential.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;

use super::admit::Admission;
use super::collect::Collected;
use super::decide::Clearance;
use super::decision_input::{DecisionInput, RequestPayload};
use super::judge::{conclude, identify};
use super::judged_request::JudgedRequest;
use super::record::{DecisionRecorder, OpenExchange};
use super::refuse::{Code, Refusal, RefusedExchange};
use super::websocket::Protocol;
use super::{Gateway, Head, Permit, admit};
use crate::connector::{Connector, ExchangeOptions, Passes};
use crate::model::action::Action;
use crate::model::target::{Authority, Path, Query, Target};
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::Stage;

/// A tunnel that would be passed through, as the connectors of one moment have it.
#[derive(Debug)]
pub struct TlsPassthrough {
    /// Read before anything was looked at, so that a change meanwhile is seen as one.
    changes: u64,
    snapshot: Arc<Snapshot>,
    connector: Arc<Connector>,
    action: Action,
}

/// Finds whose tunnel a CONNECT would open; `None` where TLS is ended here.
#[must_use]
pub fn find(gateway: &Gateway, authority: &Authority) -> Option<TlsPassthrough> {
    let changes = gateway.dependencies.changes.count();
    let snapshot = gateway.dependencies.current.snapshot();
    let (connector, action) = snapshot.catalog().tls_passthrough(authority)?;
    Some(TlsPassthrough {
        changes,
        snapshot,
        connector,
        action,
    })
}

/// Judges the opening of a tunnel. The open record goes with it: its drop writes `finished`.
///
/// # Errors
/// A refusal, already recorded. It must be told before the tunnel opens: nothing of ours can be read inside.
pub async fn judge(
    gateway: &Arc<Gateway>,
    passthrough: TlsPassthrough,
    head: &Head,
) -> Result<(Permit, OpenExchange), RefusedExchange> {
    let (pass, agent) = identify(gateway, head)?;
    let mut recorder = DecisionRecorder::new(gateway, head, &agent);
    recorder.note_tls_passthrough(&passthrough.connector, &passthrough.action);
    let judged = admit::enter(gateway, &agent).and_then(|stream| {
        let admission = Admission {
            agent,
            pass,
            changes: passthrough.changes,
            stream,
        };
        stages(gateway, admission, (passthrough, head), &mut recorder)
    });
    conclude((gateway, recorder), judged, None).await
}

fn stages(
    gateway: &Gateway,
    admission: Admission,
    (passthrough, head): (TlsPassthrough, &Head),
    recorder: &mut DecisionRecorder,
) -> Result<Permit, Refusal> {
    admit::check_connector_halt(gateway, passthrough.connector.id())?;
    let snapshot = Arc::clone(&passthrough.snapshot);
    recorder.note_snapshot(&snapshot);
    let collected = understand(passthrough, &head.authority)?;
    let started = Instant::now();
    let judged = JudgedRequest::new(gateway, admission, snapshot, (collected, None));
    recorder.staged(Stage::Decide, started);
    recorder.note_decided(&judged.ruling, judged.clearance.injection());
    // Clients give up on a CONNECT long before a person has answered, and there is nothing to show the person.
    if matches!(judged.clearance, Clearance::NeedsApproval(_)) {
        return Err(Refusal::because(
            Code::ApprovalRequired,
            "The action needs a human's approval, which a tunnel that is passed through cannot wait for.",
        ));
    }
    judged.permit(gateway, &head.request_id, None)
}

/// Everything that is known: where to, and that it is a tunnel.
fn understand(passthrough: TlsPassthrough, authority: &Authority) -> Result<Collected, Refusal> {
    let path = Path::parse("/").map_err(|_| Code::Internal)?;
    let target = Target {
        method: http::Method::CONNECT,
        authority: authority.clone(),
        path,
        query: Query::default(),
        tls: true,
    };
    Ok(Collected {
        input: DecisionInput {
            target,
            content_type: None,
            body_bytes: None,
            options: ExchangeOptions::default(),
            actions: vec![passthrough.action],
            presented: None,
        },
        payload: RequestPayload {
            headers: HeaderMap::new(),
            protocol: Protocol::Http,
            passes: Passes::default(),
            body: None,
            dropped: Vec::new(),
            declared_length: None,
        },
        connector: passthrough.connector,
    })
}
