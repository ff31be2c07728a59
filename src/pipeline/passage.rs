//! Passage: a CONNECT to where TLS is not ended (`tls: passthrough`) in; a permit for the whole tunnel with its open record out, or a
//! refusal.
//!
//! INVARIANT: what passes in such a tunnel is known to nobody here, so it is one action, and no credential goes with it.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;

use super::decide::Decided;
use super::judge::{Asker, Cleared, Understood, conclude, identify, weigh};
use super::matter::{Matter, Rest};
use super::record::{Ticket, Trail};
use super::refuse::{Code, Refusal};
use super::standing::{Consent, Issued};
use super::websocket::Protocol;
use super::{Gateway, Head, Permit, admit, staged};
use crate::connector::{Connector, Passes, Terms};
use crate::model::action::Action;
use crate::model::target::{Authority, Path, Query, Target};
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::Stage;

/// A tunnel that would be passed through, as the connectors of one moment have it.
#[derive(Debug)]
pub struct Passage {
    /// Read before anything was looked at, so that a change meanwhile is seen as one.
    changes: u64,
    snapshot: Arc<Snapshot>,
    connector: Arc<Connector>,
    action: Action,
}

/// Finds whose tunnel a CONNECT would open; `None` where TLS is ended here.
#[must_use]
pub fn find(gateway: &Gateway, authority: &Authority) -> Option<Passage> {
    let changes = gateway.parts.changes.count();
    let snapshot = gateway.parts.current.snapshot();
    let (connector, action) = snapshot.catalog().passage(authority)?;
    Some(Passage {
        changes,
        snapshot,
        connector,
        action,
    })
}

/// Judges the opening of a tunnel. The ticket goes with it: its drop writes `finished`.
///
/// # Errors
/// A refusal, already recorded. It must be told before the tunnel opens: nothing of ours can be read inside.
pub async fn judge(
    gateway: &Arc<Gateway>,
    passage: Passage,
    head: &Head,
) -> Result<(Permit, Ticket), Refusal> {
    let (pass, agent) = identify(gateway, head)?;
    let mut trail = Trail::new(gateway, head, &agent);
    trail.note_passage(&passage.connector, &passage.action);
    let judged = admit::enter(gateway, &agent).and_then(|stream| {
        let asker = Asker {
            agent,
            pass,
            changes: passage.changes,
            stream,
        };
        stages(gateway, asker, (passage, head), &mut trail)
    });
    conclude(trail, &head.request_id, judged).await
}

fn stages(
    gateway: &Gateway,
    asker: Asker,
    (passage, head): (Passage, &Head),
    trail: &mut Trail,
) -> Result<Permit, Refusal> {
    admit::check_connector_halt(gateway, passage.connector.id())?;
    let understood = understand(passage, &head.authority)?;
    let started = Instant::now();
    let (ruling, decided) = weigh(gateway, &asker, &understood);
    staged(gateway, Stage::Decide, started);
    trail.note_decided(&ruling, decided.injection());
    match decided {
        Decided::Allowed(injection) => {
            let cleared = Cleared {
                asker,
                understood,
                injection,
                consent: Consent::NotNeeded,
                issued: Issued::of(&ruling),
            };
            cleared.permit(gateway, &head.request_id, None)
        }
        // Clients give up on a CONNECT long before a person has answered, and there is nothing to show the person.
        Decided::Asked(_) => Err(Refusal {
            action: understood.matter.action(),
            ..Refusal::because(
                Code::ApprovalRequired,
                "The action needs a human's approval, which a tunnel that is passed through cannot wait for.",
            )
        }),
        Decided::Refused(refusal) => Err(refusal),
    }
}

/// Everything that is known: where to, and that it is a tunnel.
fn understand(passage: Passage, authority: &Authority) -> Result<Understood, Refusal> {
    let path = Path::parse("/")
        .map_err(|_| Refusal::because(Code::Internal, Code::Internal.sentence()))?;
    let target = Target {
        method: http::Method::CONNECT,
        authority: authority.clone(),
        path,
        query: Query::default(),
        tls: true,
    };
    Ok(Understood {
        matter: Matter {
            target,
            content_type: None,
            body_bytes: None,
            terms: Terms::default(),
            actions: vec![passage.action],
        },
        rest: Rest {
            headers: HeaderMap::new(),
            protocol: Protocol::Http,
            passes: Passes::default(),
            body: None,
            dropped: Vec::new(),
        },
        snapshot: passage.snapshot,
        connector: passage.connector,
        memory: None,
    })
}
