//! Puts the credential on a permitted request. Repeatable for each attempt.
//!
//! INVARIANT: a credential is put on only with a permit that still stands, only over TLS, only where its binding says.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};

use super::decide::Injection;
use super::refuse::{Code, Refusal, RefusedExchange};
use super::{Gateway, Outgoing, Permit, staged};
use crate::auth::{ApplyError, Fields, Payload, RequestFacts, Scheme};
use crate::connector::Unbound;
use crate::model::credential::{SealedCredential, WrittenHeaders};
use crate::telemetry::metrics::Stage;
use crate::vault::{self, OpenError};

/// Why a credential is not put on; for the log, never for the agent.
#[derive(Debug, thiserror::Error)]
enum NotInjected {
    #[error("no token was minted for the request")]
    NotMinted,
    #[error("the request does not go over TLS")]
    Plaintext,
    #[error("the credential is not bound to where the request goes")]
    Unbound,
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error(transparent)]
    Moved(#[from] Unbound),
    #[error(transparent)]
    Unwritable(#[from] ApplyError),
}

/// What a credential puts on a request.
#[derive(Default)]
pub struct Injected {
    /// Each in place of all of that name; `None` where nothing is put on.
    headers: Option<WrittenHeaders>,
    /// In place of the query.
    query: Option<String>,
    /// In place of the path.
    path: Option<String>,
}

impl fmt::Debug for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Injected(..)")
    }
}

impl Injected {
    /// Returns the headers, each in place of all of that name.
    #[must_use]
    pub fn headers(&self) -> &[(http::HeaderName, http::HeaderValue)] {
        self.headers.as_deref().unwrap_or_default()
    }

    /// Returns the query to send instead of the request's.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns the path to send instead of the request's.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Puts it on a copy of the permit's request.
    pub fn put_on(self, outgoing: &mut Outgoing) {
        for (name, value) in self.headers() {
            outgoing.headers.insert(name.clone(), value.clone());
        }
        if self.query.is_some() {
            outgoing.query = self.query;
        }
        if let Some(path) = self.path {
            outgoing.path = path;
        }
    }
}

/// Returns what the permit's credential puts on its request. The permit must still stand: journal, names and connections may have
/// taken a while.
///
/// # Errors
/// What voids the permit; `credential_unhealthy` when the vault does not open it, or it cannot be written into the request.
pub fn inject(gateway: &Gateway, permit: &Permit) -> Result<Injected, RefusedExchange> {
    permit.validity.check(gateway)?;
    let credential = match permit.validity.injection() {
        Injection::Credential(credential) | Injection::AgentOwned(credential) => credential,
        Injection::Bare => return Ok(Injected::default()),
    };
    let started = Instant::now();
    let injected = open(gateway, permit, credential, started);
    let took = staged(gateway, Stage::Inject, started);
    permit.validity.sending.note(Stage::Inject, took);
    injected.map_err(|error| refused(permit, credential, &error))
}

/// Returns the judged body with the permit's credential in it; `None` where the credential is put elsewhere.
///
/// # Errors
/// As [`inject`].
pub fn filled_body(gateway: &Gateway, permit: &Permit) -> Result<Option<Bytes>, RefusedExchange> {
    let Injection::Credential(credential) = permit.validity.injection() else {
        return Ok(None);
    };
    let scheme = permit.validity.connector().put_on(credential);
    // What keeps the credential from being put on is told when the head is made.
    let Ok(Some(scheme)) = scheme else {
        return Ok(None);
    };
    if !scheme.fills_body() {
        return Ok(None);
    }
    permit.validity.check(gateway)?;
    let filled = check_place(permit, credential).and_then(|()| {
        let fields = gateway.dependencies.opener.open(credential)?;
        Ok(fill(scheme, &fields, &permit.outgoing)?)
    });
    filled.map_err(|error| refused(permit, credential, &error))
}

fn fill(
    scheme: &Scheme,
    fields: &Fields,
    outgoing: &Outgoing,
) -> Result<Option<Bytes>, ApplyError> {
    let content_type = outgoing.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let body = outgoing.body.as_deref().unwrap_or_default();
    scheme.fill_body(fields, content_type.unwrap_or_default(), body)
}

/// Logs why a credential is not put on, and tells the agent what it can change.
fn refused(permit: &Permit, credential: &SealedCredential, error: &NotInjected) -> RefusedExchange {
    tracing::error!(request.id = permit.request_id(), credential.id = %credential.id, %error, "credential not injected");
    match error {
        NotInjected::Unwritable(error @ (ApplyError::NoPlace(_) | ApplyError::Unsignable(_))) => {
            let detail = sentence(&error.to_string());
            permit.refused(Refusal::because(Code::BadRequest, detail))
        }
        _ => permit.refused(Code::CredentialUnhealthy),
    }
}

/// Returns a message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// Checks that the credential may go where the request goes.
fn check_place(permit: &Permit, credential: &SealedCredential) -> Result<(), NotInjected> {
    let outgoing = &permit.outgoing;
    if !outgoing.tls {
        return Err(NotInjected::Plaintext);
    }
    // The agent may have lost it, or the operator bound it elsewhere, since the decision.
    if vault::binds(
        credential,
        &outgoing.authority,
        &outgoing.path,
        &permit.agent.name,
    ) {
        Ok(())
    } else {
        Err(NotInjected::Unbound)
    }
}

fn open(
    gateway: &Gateway,
    permit: &Permit,
    credential: &SealedCredential,
    now: Instant,
) -> Result<Injected, NotInjected> {
    let outgoing = &permit.outgoing;
    check_place(permit, credential)?;
    let scheme = permit.validity.connector().put_on(credential);
    let ready = |headers| Injected {
        headers: Some(headers),
        ..Injected::default()
    };
    if credential.mints() {
        return minted(gateway, permit, (credential, scheme?));
    }
    // Kept headers were opened from this very row, so its placement, which `put_on` compares, is the one that was sealed.
    if let Some(headers) = credential.prepared.get(now) {
        scheme?;
        return Ok(ready(headers));
    }
    let fields = gateway.dependencies.opener.open(credential)?;
    let Some(scheme) = scheme? else {
        // The agent's own: there is nothing to put on.
        credential.prepared.keep(WrittenHeaders::default(), now);
        return Ok(Injected::default());
    };
    if let Some(headers) = scheme.prepare(&fields)? {
        credential.prepared.keep(headers.clone(), now);
        return Ok(ready(headers));
    }
    written(gateway, scheme, &fields, outgoing)
}

/// Puts on the token that the permit's request carries, which was minted of this very row.
fn minted(
    gateway: &Gateway,
    permit: &Permit,
    (credential, scheme): (&SealedCredential, Option<&Scheme>),
) -> Result<Injected, NotInjected> {
    let (Some(carried), Some(scheme)) = (&permit.carried, scheme) else {
        return Err(NotInjected::NotMinted);
    };
    let ready = |headers| Injected {
        headers: Some(headers),
        ..Injected::default()
    };
    let token = &carried.token;
    if let Some(headers) = token.headers() {
        return Ok(ready(Arc::clone(headers)));
    }
    let mut fields = gateway.dependencies.opener.open(credential)?;
    fields.extend(token.fields().clone());
    if let Some(headers) = scheme.prepare(&fields)? {
        token.keep(Arc::clone(&headers));
        return Ok(ready(headers));
    }
    written(gateway, scheme, &fields, &permit.outgoing)
}

/// Puts a credential on a request that it cannot be prepared for.
fn written(
    gateway: &Gateway,
    scheme: &Scheme,
    fields: &Fields,
    outgoing: &Outgoing,
) -> Result<Injected, NotInjected> {
    // Else nothing here reads the body, and `filled_body` makes the one that is sent.
    let filled = if scheme.signs_body(&outgoing.headers) {
        fill(scheme, fields, outgoing)?
    } else {
        None
    };
    let payload = match (
        filled.as_deref().or(outgoing.body.as_deref()),
        outgoing.is_empty,
    ) {
        (Some(body), _) => Payload::Whole(body),
        (None, true) => Payload::Whole(&[]),
        (None, false) => Payload::Streamed,
    };
    let host = outgoing.headers.get(HOST);
    let request = RequestFacts {
        method: &outgoing.method,
        host: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
        payload,
        signed_for: outgoing.signed_for.as_ref(),
        now: gateway.dependencies.clock.now(),
        nonce: rand::random(),
    };
    let target = (
        &outgoing.headers,
        &*outgoing.path,
        outgoing.query.as_deref(),
    );
    let rewritten = scheme.rewrite(fields, target, request)?;
    Ok(Injected {
        headers: Some(rewritten.headers.into()),
        query: rewritten.query,
        path: rewritten.path,
    })
}
