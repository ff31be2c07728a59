//! Reads secrets of HashiCorp Vault, engine KV version 2: all fields of the newest version by one request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::access::SourceAccess;
use super::unreadable::{Unreadable, checked};
use crate::config::small_file;
use crate::model::credential::{VaultKv, VaultToken};
use crate::model::secret::Secret;
use crate::outbound::OutboundRequest;

/// Longest token that is read, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// An answer to `GET /v1/MOUNT/data/PATH`.
#[derive(Deserialize)]
struct KvAnswer<'a> {
    #[serde(borrow)]
    data: KvVersion<'a>,
}

/// A version of a secret; `null` where it is deleted.
#[derive(Deserialize)]
struct KvVersion<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Returns the fields of a secret as Vault writes them: a JSON object.
pub(super) fn read(kv: &VaultKv, access: &SourceAccess) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let network = access.network.as_ref();
    let network = network.ok_or("only a gateway that runs reads it")?;
    let VaultKv {
        address,
        mount,
        path,
        ..
    } = kv;
    let url = format!("{address}/v1/{mount}/data/{path}");
    let request = OutboundRequest {
        method: Method::GET,
        url: url.parse().map_err(|_| "it is not a URL")?,
        headers: headers(kv, access)?,
        body: Zeroizing::default(),
    };
    let answer = network.ask(request)?;
    let refused = match answer.status {
        200 => None,
        403 => Some("Vault refuses the token, or the token may not read this path (403)"),
        404 => {
            return Err(Unreadable::gone(
                "there is no such secret, or it is deleted (404)",
            ));
        }
        503 => Some("Vault is sealed, or not ready (503)"),
        status => return Err(format!("Vault answers with status {status}").into()),
    };
    if let Some(reason) = refused {
        return Err(reason.into());
    }
    // Its error would quote the answer.
    let read: KvAnswer<'_> = serde_json::from_slice(&answer.body)
        .map_err(|_| "the answer is not one of an engine KV version 2")?;
    let fields = read.data.data;
    let fields = fields.ok_or_else(|| Unreadable::gone("its newest version is deleted"))?;
    Ok(Zeroizing::new(fields.get().as_bytes().to_vec()))
}

fn headers(kv: &VaultKv, access: &SourceAccess) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut token = HeaderValue::from_bytes(token(kv, access)?.expose())
        .map_err(|_| "the token for Vault does not fit into a header")?;
    token.set_sensitive(true);
    headers.insert("x-vault-token", token);
    // Vault's own agent may insist on it, against requests that a browser or a library was tricked into.
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Some(namespace) = &kv.namespace {
        let namespace = HeaderValue::from_str(namespace)
            .map_err(|_| "the namespace does not fit into a header")?;
        headers.insert("x-vault-namespace", namespace);
    }
    Ok(headers)
}

/// Returns the token as it is now, since what renews it replaces the file.
fn token(kv: &VaultKv, access: &SourceAccess) -> Result<Secret, String> {
    let bytes = match &kv.token {
        VaultToken::File(path) => small_file::read(path, MAX_TOKEN).map_err(|error| {
            format!(
                "the token for Vault in `{}` cannot be read: {error}",
                path.display()
            )
        })?,
        VaultToken::Env(name) => variable(name, access)?,
    };
    checked(bytes).map_err(|reason| format!("the token for Vault cannot be used: {reason}"))
}

/// Returns a variable of the gateway.
pub(super) fn variable(name: &str, access: &SourceAccess) -> Result<Zeroizing<Vec<u8>>, String> {
    let value = access.variables.get(name);
    let value = value.ok_or_else(|| format!("the gateway has no variable `{name}`"))?;
    Ok(Zeroizing::new(value.clone().into_bytes()))
}

/// Returns one field of what was read; the error shows nothing of it.
pub(super) fn pick(fields: &Secret, name: &str) -> Result<Secret, String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(fields.expose())
        .map_err(|_| "the secret in Vault has no fields".to_owned())?;
    let value = fields.get(name);
    let value = value.ok_or_else(|| format!("the secret in Vault has no field `{name}`"))?;
    let text: String = serde_json::from_str(value.get())
        .map_err(|_| format!("field `{name}` of the secret in Vault is not a text"))?;
    let value = checked(Zeroizing::new(text.into_bytes()));
    value.map_err(|reason| format!("field `{name}` of the secret in Vault: {reason}"))
}
