//! Builds what an operator is shown of a request that waits, and the fingerprint that its retries have too.
//!
//! INVARIANT: both are of the request as it would be sent now, after everything that is stripped and put on but the secret.

use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::content;
use super::covered::BodyForm;
use super::json::{Token, Tokens};
use super::volatile::VOLATILE;
use crate::approval::{ApprovalRequest, Fingerprint, Fingerprinter};
use crate::model::action::Action;
use crate::model::hex::hex;
use crate::pipeline::collect::Collected;
use crate::pipeline::decide::Injection;
use crate::pipeline::decision_input::DecisionInput;
use crate::pipeline::judged_request::JudgedRequest;
use crate::pipeline::outgoing::{self, Outgoing};
use crate::pipeline::websocket::Protocol;
use crate::pipeline::{Gateway, record};

impl JudgedRequest {
    /// Writes down what an operator is asked: the request as it would be sent now.
    pub(super) fn approval_request(
        &self,
        gateway: &Gateway,
        injection: &Injection,
        request_id: &str,
    ) -> ApprovalRequest {
        let Collected {
            input,
            payload,
            connector,
        } = &self.request;
        let outgoing = outgoing::build(&input.target, payload.clone(), connector, injection);
        let form = BodyForm::of(&outgoing.headers, input.body_bytes.is_some());
        let shown = content::of(&outgoing, connector, &input.actions, form);
        let body = outgoing.body.as_ref().filter(|body| !body.is_empty());
        let hash = body.map(Sha256::digest);
        let agent = self.admission.agent.name.as_str();
        ApprovalRequest {
            fingerprint: fingerprint(agent, &outgoing, injection, form),
            subject: subject(agent, &outgoing, &input.actions),
            likeness: likeness(agent, &outgoing, injection, (form, input)),
            agent: agent.to_owned(),
            connector: connector.id().to_owned(),
            credential: injection.credential().map(ToString::to_string),
            method: outgoing.method.to_string(),
            host: outgoing.authority.to_string(),
            target: shown.target,
            headers: shown.headers,
            actions: record::actions(&gateway.dependencies.parameter_key, &input.actions),
            action: input.action().unwrap_or_default(),
            by: self.ruling.by.clone(),
            reason: self.ruling.reason.clone(),
            body: shown.body,
            partial: shown.partial,
            body_bytes: body.map_or(0, Bytes::len),
            body_sha256: hash.as_deref().map(hex),
            request_id: request_id.to_owned(),
        }
    }
}

/// Sums up what a no is remembered for: who asks for which actions with which parameters; where there are none, for which path.
fn subject(agent: &str, outgoing: &Outgoing, actions: &[Action]) -> Fingerprint {
    let mut sum = Fingerprinter::default().part("subject").part(agent);
    if actions
        .iter()
        .all(|action| action.params.iter().next().is_none())
    {
        sum = sum
            .part(outgoing.method.as_str())
            .part(outgoing.authority.to_string())
            .part(&outgoing.path);
    }
    for (name, params) in named(actions) {
        sum = sum.part(name).part(params);
    }
    sum.finish()
}

/// Names actions with their parameters, each once, in one order.
fn named(actions: &[Action]) -> Vec<(&str, String)> {
    let mut named: Vec<(&str, String)> = actions
        .iter()
        .map(|action| {
            let params = action.params.iter();
            let params: Vec<_> = params
                .map(|parameter| (&*parameter.name, &parameter.value))
                .collect();
            (action.name.as_str(), serde_json::json!(params).to_string())
        })
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// Sums up what requests have in common that an approval for a time lets pass: all that is sent, but of a body that was read the
/// parameters only. `None` where a request matches no route, or a parameter is too long to be compared.
fn likeness(
    agent: &str,
    outgoing: &Outgoing,
    injection: &Injection,
    (form, input): (BodyForm, &DecisionInput),
) -> Option<Fingerprint> {
    let actions = &input.actions;
    let is_comparable = |action: &Action| {
        let mut params = action.params.iter();
        !action.name.as_str().ends_with(".unknown")
            && !params.any(|parameter| parameter.value.is_oversize())
    };
    if !actions.iter().all(is_comparable) {
        return None;
    }
    let mut sum = frame(agent, outgoing, injection).part("likeness");
    // A body that nothing was read of is compared whole: no parameter says what it does.
    if input.body_bytes.is_none() {
        sum = sum.part(body(outgoing.body.as_deref().unwrap_or(&[]), form));
    }
    for (name, params) in named(actions) {
        sum = sum.part(name).part(params);
    }
    Some(headers(sum, &outgoing.headers).finish())
}

/// Sums up a request as it would be sent: two with one fingerprint do the same thing for the same agent with the same credential.
fn fingerprint(
    agent: &str,
    outgoing: &Outgoing,
    injection: &Injection,
    form: BodyForm,
) -> Fingerprint {
    let body = body(outgoing.body.as_deref().unwrap_or(&[]), form);
    headers(
        frame(agent, outgoing, injection).part(body),
        &outgoing.headers,
    )
    .finish()
}

/// Takes in everything but headers and body.
fn frame(agent: &str, outgoing: &Outgoing, injection: &Injection) -> Fingerprinter {
    let owner = match injection {
        Injection::Credential(_) => "gateway",
        Injection::AgentOwned(_) => "agent",
        Injection::Bare => "nobody",
    };
    let credential = injection.credential().map_or("", |id| id.as_str());
    Fingerprinter::default()
        .part(agent)
        .part(owner)
        .part(credential)
        .part(outgoing.method.as_str())
        .part(match (outgoing.protocol, outgoing.tls) {
            (Protocol::Http, true) => "https",
            (Protocol::Http, false) => "http",
            (Protocol::WebSocket, true) => "wss",
            (Protocol::WebSocket, false) => "ws",
        })
        .part(outgoing.authority.to_string())
        .part(&outgoing.path)
        .part(if outgoing.query.is_some() { "?" } else { "" })
        .part(outgoing.query.as_deref().unwrap_or(""))
}

/// Sums up a body: JSON as what it says, so that blanks and escapes, which no operator sees, do not make it another one.
fn body(bytes: &[u8], form: BodyForm) -> [u8; 32] {
    let text = match form {
        BodyForm::Json => std::str::from_utf8(bytes).ok(),
        BodyForm::Form | BodyForm::Text | BodyForm::Unread => None,
    };
    let said = text.and_then(|text| {
        let mut tokens = Tokens::of(text);
        let mut sum = Sha256::new_with_prefix("json");
        for token in &mut tokens {
            let (kind, text) = match &token {
                Token::Mark(mark) => (u8::try_from(*mark).ok()?, ""),
                Token::Text(text) => (b'"', &**text),
                Token::Word(word) => (b'w', *word),
            };
            sum.update([kind]);
            sum.update((text.len() as u64).to_be_bytes());
            sum.update(text);
        }
        tokens.is_done().then(|| sum.finalize().into())
    });
    said.unwrap_or_else(|| Sha256::digest(bytes).into())
}

fn headers(mut sum: Fingerprinter, headers: &HeaderMap) -> Fingerprinter {
    let mut names: Vec<_> = headers
        .keys()
        .filter(|name| !VOLATILE.contains(&name.as_str()))
        .collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        for value in headers.get_all(name) {
            sum = sum.part(name).part(value.as_bytes());
        }
    }
    sum
}
