//! Asks an API whether a credential works, with the request that its connector names for that.
//!
//! INVARIANT: the credential goes only over TLS, only to a host and path that it is bound to, and nowhere that an answer points.

use http::HeaderValue;
use std::sync::Arc;

use http::header::HOST;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::{Gateway, mint};
use crate::auth::{Fields, Payload, RequestFacts};
use crate::connector::{Connector, Health};
use crate::model::clock;
use crate::model::credential::{CheckState, CredentialCheck, SealedCredential};
use crate::model::secret::Secret;
use crate::model::target::Authority;
use crate::outbound::{HttpsUrl, OutboundAnswer, OutboundRequest};
use crate::vault;

/// Longest text of an error that is kept, in characters.
const MAX_DETAIL: usize = 200;

/// Longest name of an account that is kept, in characters.
const MAX_IDENTITY: usize = 128;

/// Checks a credential; what it was found to be before is not asked.
pub async fn check_credential(
    gateway: &Arc<Gateway>,
    credential: &Arc<SealedCredential>,
) -> CredentialCheck {
    let now = gateway.dependencies.clock.now();
    let mut check = match ask(gateway, credential).await {
        Ok(check) | Err(check) => check,
    };
    if check.state != CheckState::Unchecked {
        check.checked_at = Some(clock::stamp(now));
    }
    if check.state == CheckState::Valid {
        check.last_success.clone_from(&check.checked_at);
    }
    check
}

async fn ask(
    gateway: &Arc<Gateway>,
    credential: &Arc<SealedCredential>,
) -> Result<CredentialCheck, CredentialCheck> {
    let snapshot = gateway.dependencies.current.snapshot();
    let unchecked = |why: &str| CredentialCheck::of(CheckState::Unchecked, why);
    let unusable = |why: String| CredentialCheck::of(CheckState::Unusable, why);
    if credential.agent_owned {
        return Err(unchecked("it is the agent's own"));
    }
    let connector = snapshot
        .catalog()
        .get(&credential.connector)
        .ok_or_else(|| unchecked("its connector is not there"))?;
    let health = connector
        .health()
        .ok_or_else(|| unchecked("its connector names no health request"))?;
    let opener = &gateway.dependencies.opener;
    let mut fields = opener
        .open(credential)
        .map_err(|error| unusable(error.to_string()))?;
    if credential.mints() {
        let scheme = connector.put_on(credential).ok().flatten();
        if scheme.is_none_or(|scheme| scheme.mint_slot().is_some()) {
            return Err(unchecked("its tokens differ by what requests name"));
        }
        let token = mint::token(gateway, connector, credential, "").await;
        let token = token.map_err(|failure| unusable(format!("no token: {failure}")))?;
        fields.extend(token.fields().clone());
    }
    let request = request(gateway, (&**connector, health), credential, &fields)?;
    let dependencies = &gateway.dependencies;
    let sent = dependencies
        .outbound
        .send(&dependencies.egress, request)
        .await;
    let check = match &sent {
        Ok(answer) => judge(health, answer),
        Err(error) => CredentialCheck::of(CheckState::Unreachable, error.to_string()),
    };
    Ok(conceal(check, &fields, credential))
}

/// Builds the request: the connector's default headers, and the credential as its scheme puts it on.
fn request(
    gateway: &Gateway,
    (connector, health): (&Connector, &Health),
    credential: &SealedCredential,
    fields: &Fields,
) -> Result<OutboundRequest, CredentialCheck> {
    let unusable = |why: String| CredentialCheck::of(CheckState::Unusable, why);
    let unchecked = |why: &str| CredentialCheck::of(CheckState::Unchecked, why);
    let scheme = connector
        .put_on(credential)
        .map_err(|unbound| unusable(unbound.to_string()))?
        .ok_or_else(|| unchecked("it is the agent's own"))?;
    if scheme.fills_body() {
        return Err(unchecked(
            "its scheme writes into a body, and the health request has none",
        ));
    }
    let hosts = credential.binding.hosts.iter();
    let bound: Vec<Authority> = hosts
        .filter_map(|host| Authority::parse(host, 443).ok())
        .collect();
    let (authority, path) = connector
        .health_target(&bound, &credential.scheme)
        .filter(|(authority, path)| vault::reaches(credential, authority, path))
        .ok_or_else(|| unchecked("the health request lies outside of what it is bound to"))?;
    let mut headers = connector.default_headers().clone();
    let host = if authority.port == 443 {
        authority.host.to_string()
    } else {
        authority.to_string()
    };
    let named = HeaderValue::from_str(&host).map_err(|_| unchecked("its host is no header"))?;
    headers.insert(HOST, named);
    let facts = RequestFacts {
        method: &health.method,
        host: &host,
        payload: Payload::Whole(&[]),
        signed_for: None,
        now: gateway.dependencies.clock.now(),
        nonce: rand::random(),
    };
    let target = (&headers, &*path, health.query.as_deref());
    let written = scheme
        .rewrite(fields, target, facts)
        .map_err(|error| unusable(error.to_string()))?;
    for (name, value) in written.headers {
        headers.insert(name, value);
    }
    let path = written.path.unwrap_or(path);
    let query = written
        .query
        .map_or_else(String::new, |query| format!("?{query}"));
    let url: HttpsUrl = format!("https://{authority}{path}{query}")
        .parse()
        .map_err(|_| unusable("its request is no URL".to_owned()))?;
    Ok(OutboundRequest {
        method: health.method.clone(),
        url,
        headers,
        body: Zeroizing::default(),
    })
}

/// Says what an answer shows.
fn judge(health: &Health, answer: &OutboundAnswer) -> CredentialCheck {
    let status = answer.status;
    let says = format!("the API answers {status}");
    let is_limited = answer.headers.contains_key(http::header::RETRY_AFTER)
        || answer
            .headers
            .get("x-ratelimit-remaining")
            .is_some_and(|left| left == "0");
    let state = match status {
        200..=299 => CheckState::Valid,
        401 => CheckState::Expired,
        403 if !is_limited => CheckState::Forbidden,
        403 | 408 | 429 | 500..=599 => CheckState::Unreachable,
        _ => CheckState::Unclear,
    };
    if state != CheckState::Valid {
        return CredentialCheck::of(state, says);
    }
    let identity = health.identity_of(&answer.body);
    if health.identity.is_some() && identity.is_none() {
        // Slack and others answer 200 although they do not know the credential.
        let detail = format!("{says} and does not say who asks");
        return CredentialCheck::of(CheckState::Expired, detail);
    }
    let expires = health.expiry_of(&answer.headers, &answer.body);
    CredentialCheck {
        state,
        identity,
        expires_at: expires.and_then(|text| moment(&text)),
        ..CredentialCheck::default()
    }
}

/// Takes out of a check what an upstream may have repeated of the credential, and cuts what is left to a length that can be shown.
fn conceal(
    mut check: CredentialCheck,
    fields: &Fields,
    credential: &SealedCredential,
) -> CredentialCheck {
    let secrets = fields
        .iter()
        .filter(|(name, _)| !credential.public_fields.contains_key(*name));
    let secrets: Vec<_> = secrets.map(|(_, secret)| secret).collect();
    let shown = |text: String, limit: usize| {
        let plain: String = text.chars().filter(|letter| !letter.is_control()).collect();
        let is_clean = |secret: &&Secret| !secret.is_in(&text) && !secret.is_in(&plain);
        // Searched first: the beginning of a secret that is cut would not be found any more.
        let clean = secrets.iter().all(is_clean);
        clean.then(|| plain.chars().take(limit).collect::<String>())
    };
    check.identity = check.identity.and_then(|text| shown(text, MAX_IDENTITY));
    check.detail = check.detail.and_then(|text| shown(text, MAX_DETAIL));
    check
}

/// Reads a moment as APIs write it: RFC 3339, `2026-12-01 00:00:00 UTC`, a date, or seconds since 1970; returns RFC 3339, UTC.
fn moment(text: &str) -> Option<String> {
    let text = text.trim();
    let spaced = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let day = format_description!("[year]-[month]-[day]");
    let plain = text.strip_suffix(" UTC").unwrap_or(text);
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| {
            time::PrimitiveDateTime::parse(plain, &spaced).map(time::PrimitiveDateTime::assume_utc)
        })
        .or_else(|_| time::Date::parse(plain, &day).map(|day| day.midnight().assume_utc()))
        .ok()
        .or_else(|| OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok())?;
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_are_read_as_apis_write_them() {
        for (written, expected) in [
            ("2026-12-01T01:00:00+01:00", "2026-12-01T00:00:00Z"),
            ("2026-12-01 00:00:00 UTC", "2026-12-01T00:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("1796083200", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(moment(written).as_deref(), Some(expected), "{written}");
        }
        assert_eq!(moment("soon"), None);
        assert_eq!(moment("2026-12-01 00:00:00 +0100"), None);
    }
}
