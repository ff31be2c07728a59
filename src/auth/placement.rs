//! Writes down where a scheme puts a credential: the text that a credential is bound to.
//!
//! INVARIANT: two schemes have one text only if they send the same bytes to the same places. The form is part of what stored
//! credentials authenticate, so it never changes: a new one begins with another byte than [`FORM`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::mint::Minter;
use super::{Field, Template};
use crate::model::credential::MINTING;

/// The first byte of the text: the form that the rest is written in.
const FORM: char = '1';

/// Form 1: after the byte `1`, JSON without blanks, keys in this order, maps sorted by key. Form 2 is of schemes that mint: `mint`
/// is there too, as the compiled way serialises.
#[derive(Serialize)]
struct Placement<'a> {
    /// Every field, and whether it is `secret` or `public`.
    fields: BTreeMap<&'a str, &'static str>,
    /// `header:name` (lower-case), `query:key`, `cookie:name`, `path:`, `body:$.key`, `body:form:key` or `basic:authorization`, and
    /// the template that is written there. `basic` holds user name and password with a `:` between them, which base64 and `Basic `
    /// are put around. Signatures have an entry for each of their templates: `sigv4:region`, `hmac:over`.
    put: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mint: Option<&'a Minter>,
}

/// Returns the text. A scheme that cannot be written down has the empty text, which no credential is bound to.
pub(super) fn of(fields: &[Field], templates: &[Template], mint: Option<&Minter>) -> String {
    let mut put = BTreeMap::new();
    for template in templates {
        match template {
            Template::Bearer(way) => {
                let value = format!("Bearer {}", way.token.written());
                put.insert("header:authorization".to_owned(), value);
            }
            Template::Basic(way) => {
                let pair = format!("{}:{}", way.username.written(), way.password.written());
                put.insert("basic:authorization".to_owned(), pair);
            }
            Template::Header(way) => put.extend(
                way.headers
                    .iter()
                    .map(|(name, text)| (format!("header:{name}"), text.written())),
            ),
            Template::Query(way) => put.extend(
                way.pairs
                    .iter()
                    .map(|(name, text)| (format!("query:{name}"), text.written())),
            ),
            Template::Cookie(way) => put.extend(
                way.pairs
                    .iter()
                    .map(|(name, text)| (format!("cookie:{name}"), text.written())),
            ),
            Template::Path(way) => {
                put.insert("path:".to_owned(), way.prefix.written());
            }
            Template::Body(way) => put.extend(
                way.written()
                    .map(|(place, text)| (format!("body:{place}"), text)),
            ),
            Template::Sigv4(way) => {
                put.extend(
                    way.texts()
                        .map(|(name, text)| (format!("sigv4:{name}"), text.written())),
                );
                put.insert("sigv4:in".to_owned(), way.place.name().to_owned());
            }
            Template::Hmac(way) => {
                put.extend(
                    way.texts()
                        .map(|(name, text)| (format!("hmac:{name}"), text.written())),
                );
                put.insert("hmac:how".to_owned(), way.how());
            }
        }
    }
    let kind = |field: &Field| if field.secret { "secret" } else { "public" };
    let fields = fields
        .iter()
        .map(|field| (field.name.as_str(), kind(field)))
        .collect();
    let form = if mint.is_some() { MINTING } else { FORM };
    serde_json::to_string(&Placement { fields, put, mint })
        .map(|json| format!("{form}{json}"))
        .unwrap_or_default()
}
