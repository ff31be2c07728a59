//! Decides on the actions of a request: one ruling, and the credential to inject. A plain function of values.

use std::sync::Arc;
use std::time::SystemTime;

use super::decision_input::DecisionInput;
use super::refuse::{Code, Refusal};
use crate::connector::Connector;
use crate::model::agent::Agent;
use crate::model::credential::{CredentialId, SealedCredential};
use crate::model::target::Authority;
use crate::policy::{self, Choice, Decision, Facts, Ruling};
use crate::snapshot::Snapshot;
use crate::vault::Keyring;

pub use super::clearance::{Clearance, Consent, Injection, ResponseSecrets};

/// The agent that asks, what it may use, and when.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The agent that sent the request.
    pub agent: &'a Agent,
    /// The credentials at hand.
    pub keyring: &'a Keyring,
    /// The moment that conditions on time use.
    pub now: SystemTime,
}

/// Judges every action; the strictest ruling wins. Chooses what is injected unless it is a denial. The ruling comes back with
/// what comes of it, so that both can be recorded.
#[must_use]
pub fn decide(
    snapshot: &Snapshot,
    connector: &Connector,
    context: DecisionContext<'_>,
    input: &DecisionInput,
) -> (Ruling, Clearance) {
    let target = &input.target;
    let mut fitting = context.keyring.fitting(
        connector.id(),
        &target.authority,
        &target.path,
        &context.agent.name,
    );
    fitting.retain(|fits| connector.takes(&target.authority, &target.path, &fits.scheme));
    let presented = input.presented.as_ref();
    let only = match fitting.as_slice() {
        [only] => Some(&only.id),
        several => presented.filter(|id| several.iter().any(|fits| fits.id == **id)),
    };
    let mut ruling = rule(snapshot, context, input, only);
    // A condition may read `credential.id`, so it is asked again about the one that the permission chose.
    if let Choice::One(chosen) = ruling.credential.clone()
        && Some(&chosen) != only
    {
        ruling = rule(snapshot, context, input, Some(&chosen));
        // What was judged with one credential must not leave with another.
        if ruling.credential != Choice::One(chosen) {
            ruling.credential = Choice::Torn;
        }
    }
    let choose = || choose(&ruling, connector, input, (context.keyring, &fitting));
    let decided = match ruling.decision {
        Decision::Allow => choose().map_or_else(Clearance::Refused, Clearance::Allowed),
        Decision::RequireApproval => {
            choose().map_or_else(Clearance::Refused, Clearance::NeedsApproval)
        }
        Decision::Deny => {
            let reason = ruling.reason.as_deref();
            if ruling.no_permission {
                let refusal = no_permission(connector, context);
                return (ruling, Clearance::Refused(refusal));
            }
            Clearance::Refused(Refusal {
                suggest: ruling.suggest.as_deref().map(Into::into),
                ..Refusal::because(
                    Code::Denied,
                    reason.map_or_else(|| denied(&ruling, input), str::to_owned),
                )
            })
        }
    };
    (ruling, decided)
}

fn rule(
    snapshot: &Snapshot,
    context: DecisionContext<'_>,
    input: &DecisionInput,
    credential: Option<&CredentialId>,
) -> Ruling {
    let rulings = input.actions.iter().map(|action| {
        snapshot.policies().decide(&Facts {
            agent: context.agent,
            action,
            target: &input.target,
            content_type: input.content_type(),
            body_bytes: input.body_bytes,
            time: context.now,
            credential,
        })
    });
    policy::combine(rulings.collect())
}

fn choose(
    ruling: &Ruling,
    connector: &Connector,
    input: &DecisionInput,
    (keyring, fitting): (&Keyring, &[Arc<SealedCredential>]),
) -> Result<Injection, Refusal> {
    let authority = &input.target.authority;
    let options = &input.options;
    // Replaced on the way back, if it is known where it lies.
    if !ruling.passes_response_secrets
        && (options.has_operations || options.response_secrets.is_empty())
    {
        return Err(Refusal::from(Code::ResponseSecret));
    }
    // The API takes no credential there, or the request brings its own proof in its URL. Nothing else goes out without one, but to
    // a host that a permission lists.
    if connector.is_public_at(authority, &input.target.path) || options.without_credential {
        return Ok(Injection::Bare);
    }
    let presented = input
        .presented
        .as_ref()
        .and_then(|id| fitting.iter().find(|credential| credential.id == *id));
    let chosen = match (&ruling.credential, fitting) {
        // The permission says which, and the agent holds another one's placeholder.
        (Choice::One(id), _) if presented.is_some_and(|other| other.id != *id) => {
            return Err(Refusal::from(Code::AmbiguousCredential));
        }
        (Choice::One(id), fitting) => fitting.iter().find(|credential| credential.id == *id),
        (Choice::Open, _) if presented.is_some() => presented,
        (Choice::Open, [only]) => Some(only),
        (Choice::Open, []) => None,
        (Choice::Open | Choice::Torn, _) => {
            return Err(Refusal::from(Code::AmbiguousCredential));
        }
    };
    if let Some(credential) = chosen {
        bound(connector, credential, authority)?;
    }
    match chosen {
        Some(credential) if credential.agent_owned => {
            Ok(Injection::AgentOwned(Arc::clone(credential)))
        }
        Some(credential) => Ok(Injection::Credential(Arc::clone(credential))),
        None if connector.is_optional_at(authority, &input.target.path) => Ok(Injection::Bare),
        None if ruling.hosts.iter().any(|host| names(host, authority)) => Ok(Injection::Bare),
        None => {
            let id = connector.id();
            let (code, detail) = if keyring.has_any(id) {
                let detail = format!(
                    "None of the gateway's credentials for {id} is for {authority} and this agent."
                );
                (Code::InstanceUnknown, detail)
            } else {
                let detail = format!("The gateway has no credential for {authority}.");
                (Code::NoCredential, detail)
            };
            Err(Refusal {
                suggest: Some(
                    format!("An operator can add one: tollgate credential add {id}").into(),
                ),
                ..Refusal::because(code, detail)
            })
        }
    }
}

/// Says that an action is denied, where no policy gives its reason. What rules say stays with operators.
fn denied(ruling: &Ruling, input: &DecisionInput) -> String {
    let names: Vec<String> = input
        .actions
        .iter()
        .map(|action| action.name.to_string())
        .collect();
    let what = match names.as_slice() {
        [] => return Code::Denied.sentence().to_owned(),
        [only] => format!("`{only}`"),
        [first, others @ ..] => format!("`{first}` with {} more actions", others.len()),
    };
    let why = if ruling.by.is_empty() {
        "no permission or policy allows it"
    } else {
        "a rule denies it"
    };
    format!("Tollgate does not allow {what}: {why}.")
}

/// Says that no permission opens the connector for the agent. Nobody is asked: a yes would have nothing to go out with.
fn no_permission(connector: &Connector, context: DecisionContext<'_>) -> Refusal {
    let (agent, id) = (&context.agent.name, connector.id());
    let suggest = format!(
        "An operator can give it one: tollgate permission set --agent {agent} --connector {id} --access read_only"
    );
    Refusal {
        suggest: Some(suggest.into()),
        ..Refusal::because(
            Code::NoPermission,
            format!("No permission lets {agent} use {id}."),
        )
    }
}

/// Refuses a credential that its connector now puts elsewhere: what an operator bound it to holds until an operator says otherwise.
fn bound(
    connector: &Connector,
    credential: &SealedCredential,
    authority: &Authority,
) -> Result<(), Refusal> {
    connector.put_on(credential).map(drop).map_err(|_| {
        let detail = format!(
            "The gateway's credential for {authority} is unbound: the files of {} have changed where it is put.",
            connector.id()
        );
        Refusal {
            suggest: Some(
                format!(
                    "An operator can review the change and bind it again: tollgate credential rebind {}",
                    credential.id
                )
                .into(),
            ),
            ..Refusal::because(Code::CredentialUnhealthy, detail)
        }
    })
}

/// Returns whether a permission's `hosts` entry, `host:port`, is this authority.
fn names(entry: &str, authority: &Authority) -> bool {
    Authority::parse(entry, 443).is_ok_and(|entry| entry == *authority)
}
