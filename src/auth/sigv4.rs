//! Signs requests as AWS does (Signature Version 4), in `Authorization` or in the query, with the crate `aws-sigv4`.
//!
//! The body's hash is signed where the body was read or the agent says the hash; S3 takes an unsigned body over TLS. Chunks that
//! the agent signed with its own key are refused, because their signatures would hold for nobody.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::outgoing::{Outgoing, Payload, RequestFacts, SigningScope};
use super::text::Text;
use super::{ApplyError, Fields};
use crate::model::aws_endpoint;
use crate::model::target::Host;

/// Headers that a signature writes.
pub(super) const HEADERS: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// Where the hash of the body stands; S3 requires it.
pub(super) const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Keys of a query that is signed.
pub(super) const QUERY: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Services that take the path as it is sent, and a hash of the body in a header.
const S3: [&str; 4] = ["s3", "s3-object-lambda", "s3-outposts", "s3express"];

/// How long a signature in the query holds, as presigned URLs do unless said otherwise.
const EXPIRES: Duration = Duration::from_secs(3600);

/// RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Clone)]
pub(super) struct Sigv4 {
    pub(super) access_key_id: Text,
    pub(super) secret_access_key: Text,
    pub(super) session_token: Option<Text>,
    /// What is signed for, where the request does not say or must not.
    pub(super) service: Option<Text>,
    pub(super) region: Option<Text>,
    pub(super) place: SignaturePlace,
}

/// Where the signature goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignaturePlace {
    /// Into the header `Authorization`.
    #[default]
    Header,
    /// Into the query, as a presigned URL has it.
    Query,
}

/// Returns the headers that a signature writes.
pub(super) fn written() -> Vec<HeaderName> {
    let own = HEADERS.into_iter().map(HeaderName::from_static);
    own.chain([CONTENT_HASH]).collect()
}

impl SignaturePlace {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
        }
    }
}

impl Sigv4 {
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
            ("service", self.service.as_ref()),
            ("region", self.region.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
    }

    pub(super) fn apply(
        &self,
        fields: &Fields,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<(), ApplyError> {
        let scope = self.scope(fields, &outgoing.request)?;
        let is_s3 = S3.contains(&scope.service.as_str());
        for name in HEADERS {
            outgoing.headers.remove(name);
        }
        let said = outgoing.headers.remove(CONTENT_HASH);
        let body = payload(&outgoing.request, said.as_ref(), is_s3)?;
        let uri = format!(
            "https://{}{}{}",
            outgoing.request.host,
            outgoing.path,
            question(outgoing.query.as_deref())
        );
        let credentials = self.credentials(fields)?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&scope.region)
            .name(&scope.service)
            .time(outgoing.request.now)
            .settings(self.settings(is_s3))
            .build()
            .map_err(|_| ApplyError::Unsignable("its time or scope is missing"))?;
        let request = SignableRequest::new(
            outgoing.request.method.as_str(),
            uri,
            signed_headers(outgoing.headers, outgoing.request.host)?.into_iter(),
            body,
        )
        .map_err(|_| ApplyError::Unsignable("its target is no URL"))?;
        let signed = sign(request, &params.into())
            .map_err(|_| ApplyError::Unsignable("its head cannot be written down"))?;
        let (headers, pairs) = signed.into_parts().0.into_parts();
        for header in headers {
            let mut value = HeaderValue::from_str(header.value())
                .map_err(|_| ApplyError::Unsignable("the signature is no header"))?;
            value.set_sensitive(true);
            outgoing
                .headers
                .insert(HeaderName::from_static(header.name()), value);
        }
        for (name, value) in pairs {
            let query = outgoing.query.get_or_insert_default();
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.extend(utf8_percent_encode(&value, RESERVED));
        }
        Ok(())
    }

    fn credentials(&self, fields: &Fields) -> Result<Credentials, ApplyError> {
        let token = match &self.session_token {
            Some(text) if text.is_given(fields) => Some(text.string(fields)?),
            Some(_) | None => None,
        };
        Ok(Credentials::new(
            self.access_key_id.string(fields)?.as_str(),
            self.secret_access_key.string(fields)?.as_str(),
            token.map(|token| token.as_str().to_owned()),
            None,
            "tollgate",
        ))
    }

    fn settings(&self, is_s3: bool) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if is_s3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if self.place == SignaturePlace::Query {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(EXPIRES);
        }
        settings
    }

    /// What the connector says wins; then what the agent's own signature is for, where the host does not contradict; then the host.
    fn scope(
        &self,
        fields: &Fields,
        request: &RequestFacts<'_>,
    ) -> Result<SigningScope, ApplyError> {
        let host = request
            .host
            .rsplit_once(':')
            .map_or(request.host, |(host, _)| host);
        let named = Host::parse(host).ok();
        let endpoint = named.as_ref().and_then(aws_endpoint::endpoint);
        let agrees = |scope: &&SigningScope| {
            endpoint
                .as_ref()
                .is_none_or(|endpoint| endpoint.region == scope.region)
        };
        let asked = request.signed_for.filter(agrees);
        let said = |text: &Option<Text>| match text {
            Some(text) if text.is_given(fields) => text.string(fields).map(Some),
            Some(_) | None => Ok(None),
        };
        let either =
            |own: Option<zeroize::Zeroizing<String>>, asked: Option<&str>, host: Option<&str>| {
                let own = own.as_ref().map(|own| own.as_str());
                own.or(asked).or(host).map(str::to_owned)
            };
        let service = either(
            said(&self.service)?,
            asked.map(|scope| scope.service.as_str()),
            endpoint.as_ref().map(|endpoint| endpoint.service.as_str()),
        );
        let region = either(
            said(&self.region)?,
            asked.map(|scope| scope.region.as_str()),
            endpoint.as_ref().map(|endpoint| endpoint.region.as_str()),
        );
        match (service, region) {
            (Some(service), Some(region)) => Ok(SigningScope { service, region }),
            _ => Err(ApplyError::Unsignable(
                "neither its host nor its own signature names a service and a region",
            )),
        }
    }
}

/// Returns what of the body is signed.
fn payload<'a>(
    request: &RequestFacts<'a>,
    said: Option<&HeaderValue>,
    is_s3: bool,
) -> Result<SignableBody<'a>, ApplyError> {
    let said = said.and_then(|value| value.to_str().ok()).map(str::trim);
    let is_hash =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (said, request.payload) {
        (Some(said), _) if said.starts_with("STREAMING-AWS4-") => Err(ApplyError::Unsignable(
            "its chunks are signed one by one with the client's own key; send the body unsigned or whole",
        )),
        (Some("UNSIGNED-PAYLOAD"), _) if is_s3 => Ok(SignableBody::UnsignedPayload),
        (Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), _) if is_s3 => {
            Ok(SignableBody::StreamingUnsignedPayloadTrailer)
        }
        (_, Payload::Whole(bytes)) => Ok(SignableBody::Bytes(bytes)),
        (Some(said), Payload::Streamed) if is_hash(said) => {
            Ok(SignableBody::Precomputed(said.to_ascii_lowercase()))
        }
        (_, Payload::Streamed) if is_s3 => Ok(SignableBody::UnsignedPayload),
        (_, Payload::Streamed) => Err(ApplyError::Unsignable(
            "its body passes unread, and the request does not say its hash in `x-amz-content-sha256`",
        )),
    }
}

/// Returns the headers that say what is done or how the body is read; others may change on their way.
fn signed_headers<'h>(
    headers: &'h HeaderMap,
    host: &'h str,
) -> Result<Vec<(&'h str, &'h str)>, ApplyError> {
    let mut signed = vec![("host", host)];
    for (name, value) in headers {
        let name = name.as_str();
        if name.starts_with("x-amz-") || matches!(name, "content-type" | "content-md5") {
            let value = value
                .to_str()
                .map_err(|_| ApplyError::Unsignable("a header of it is not ASCII"))?;
            signed.push((name, value));
        }
    }
    Ok(signed)
}

fn question(query: Option<&str>) -> String {
    query.map_or_else(String::new, |query| format!("?{query}"))
}
