//! Decide: an agent and the actions of a request in, one ruling and the credential to inject out. A plain function of values.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::CONTENT_TYPE;

use super::classify::Classified;
use super::collect::Collected;
use super::refuse::{Code, Refusal};
use crate::model::agent::Agent;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::target::Authority;
use crate::policy::{self, Decision, Facts, Ruling};
use crate::snapshot::Snapshot;
use crate::vault::Keyring;

/// What a request may go out with.
#[derive(Debug, Clone)]
pub enum Injection {
    /// The gateway's credential is put on; what the agent sent in its places is stripped.
    Credential(Arc<SealedCredential>),
    /// The agent's own credential stays (`credential add --agent-owned`).
    AgentOwned(Arc<SealedCredential>),
    /// Nothing is put on, and what the agent sent is stripped.
    Bare,
}

impl Injection {
    /// Returns the credential's id.
    #[must_use]
    pub fn credential(&self) -> Option<&CredentialId> {
        match self {
            Self::Credential(credential) | Self::AgentOwned(credential) => Some(&credential.id),
            Self::Bare => None,
        }
    }
}

/// Who asks, what they may use, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Who asks.
    pub agent: &'a Agent,
    /// The credentials at hand.
    pub keyring: &'a Keyring,
    /// Now.
    pub now: SystemTime,
}

/// Judges every action; the strictest ruling wins. On an allow, chooses what is injected.
///
/// # Errors
/// The ruling comes back with the refusal so that both can be recorded.
pub fn decide(
    snapshot: &Snapshot,
    asking: Asking<'_>,
    classified: &Classified,
    collected: &Collected,
) -> (Ruling, Result<Injection, Refusal>) {
    let fitting = fitting(asking, classified);
    let only = match fitting.as_slice() {
        [only] => Some(&only.id),
        _ => None,
    };
    let mut ruling = rule(snapshot, asking, classified, collected, only);
    // A condition may read `credential.id`, so it is asked again about the one that the permission chose.
    if let Some(chosen) = ruling.credential.clone()
        && Some(&chosen) != only
    {
        ruling = rule(snapshot, asking, classified, collected, Some(&chosen));
    }
    let first = collected
        .actions
        .first()
        .map(|action| action.name.to_string());
    let result = match ruling.decision {
        Decision::Allow => choose(&ruling, asking, classified, &fitting),
        Decision::Deny => {
            let detail = ruling
                .reason
                .clone()
                .unwrap_or_else(|| Code::Denied.sentence().to_owned());
            Err(Refusal {
                suggest: ruling.suggest.clone(),
                ..Refusal::because(Code::Denied, detail)
            })
        }
        Decision::RequireApproval => Err(Refusal {
            suggest: ruling.suggest.clone(),
            ..Refusal::because(Code::ApprovalRequired, Code::ApprovalRequired.sentence())
        }),
    };
    (
        ruling,
        result.map_err(|refusal| Refusal {
            action: first,
            ..refusal
        }),
    )
}

fn rule(
    snapshot: &Snapshot,
    asking: Asking<'_>,
    classified: &Classified,
    collected: &Collected,
    credential: Option<&CredentialId>,
) -> Ruling {
    let content_type = classified
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let rulings = collected.actions.iter().map(|action| {
        snapshot.policies().decide(&Facts {
            agent: asking.agent,
            action,
            target: &classified.target,
            content_type,
            body_bytes: collected.body.as_ref().map(bytes::Bytes::len),
            time: asking.now,
            credential,
        })
    });
    policy::combine(rulings.collect())
}

fn fitting(asking: Asking<'_>, classified: &Classified) -> Vec<Arc<SealedCredential>> {
    let target = &classified.target;
    asking.keyring.fitting(
        classified.connector().id(),
        &target.authority,
        &target.path,
        &asking.agent.name,
    )
}

fn choose(
    ruling: &Ruling,
    asking: Asking<'_>,
    classified: &Classified,
    fitting: &[Arc<SealedCredential>],
) -> Result<Injection, Refusal> {
    let connector = classified.connector();
    if connector.is_public() || classified.candidates.without_credential() || !ruling.injects {
        return Ok(Injection::Bare);
    }
    let chosen = match (&ruling.credential, fitting) {
        (Some(id), fitting) => fitting.iter().find(|credential| credential.id == *id),
        (None, [only]) => Some(only),
        (None, []) => None,
        (None, _) => {
            return Err(Refusal::because(
                Code::AmbiguousCredential,
                Code::AmbiguousCredential.sentence(),
            ));
        }
    };
    match chosen {
        Some(credential) if credential.agent_owned => {
            Ok(Injection::AgentOwned(Arc::clone(credential)))
        }
        Some(credential) => Ok(Injection::Credential(Arc::clone(credential))),
        None if ruling
            .hosts
            .iter()
            .any(|host| names(host, &classified.target.authority)) =>
        {
            Ok(Injection::Bare)
        }
        None => {
            let known = asking.keyring.has_any(connector.id());
            let code = if known {
                Code::InstanceUnknown
            } else {
                Code::NoCredential
            };
            let detail = format!("{} ({})", code.sentence(), classified.target.authority);
            Err(Refusal::because(code, detail))
        }
    }
}

/// Returns whether a permission's `hosts` entry, `host:port`, is this authority.
fn names(entry: &str, authority: &Authority) -> bool {
    Authority::parse(entry, 443).is_ok_and(|entry| entry == *authority)
}
