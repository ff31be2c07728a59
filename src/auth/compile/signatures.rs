//! Compiles the ways of a scheme that sign the request. They come last, since they sign what the others write.

use std::collections::BTreeMap;

use http::HeaderName;

use super::Compiler;
use crate::auth::hmac::{self, Hmac};
use crate::auth::sigv4::Sigv4;
use crate::auth::text::Text;
use crate::auth::{HmacManifest, SchemeManifest, Sigv4Manifest, Template, header};
use crate::config::yaml::At;

impl Compiler<'_> {
    pub(super) fn signatures(&mut self, manifest: &SchemeManifest, templates: &mut Vec<Template>) {
        if let Some(written) = &manifest.hmac {
            templates.extend(self.hmac(written).map(Template::Hmac));
        }
        if let Some(written) = &manifest.sigv4 {
            templates.extend(self.sigv4(written).map(Template::Sigv4));
            if let Some(other) = manifest.bearer.as_ref().or(manifest.path.as_ref()) {
                let message = "`sigv4` signs the whole request and writes `authorization`";
                self.problem("auth-header", message, other, "make two schemes");
            }
        }
    }

    fn sigv4(&mut self, written: &Sigv4Manifest) -> Option<Sigv4> {
        let access_key_id = self.header_text(&written.access_key_id);
        let secret_access_key = self.text(&written.secret_access_key);
        let mut may = |template: &Option<At<String>>| {
            template.as_ref().and_then(|text| self.header_text(text))
        };
        let (session_token, service, region) = (
            may(&written.session_token),
            may(&written.service),
            may(&written.region),
        );
        Some(Sigv4 {
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token,
            service,
            region,
            place: written.place,
        })
    }

    fn hmac(&mut self, written: &HmacManifest) -> Option<Hmac> {
        let mut names = hmac::VARIABLES.to_vec();
        let key = self.text(&written.key);
        let over = self.over(&written.over);
        names.push(hmac::SIGNATURE);
        let headers = self.signed_headers(&written.header, &names);
        let query: Vec<(String, Text)> = written
            .query
            .iter()
            .filter_map(|(name, template)| Some((name.clone(), self.text_with(template, &names)?)))
            .collect();
        let mut texts = headers.iter().map(|(_, text)| text);
        let mut pairs = query.iter().map(|(_, text)| text);
        let is_sent = |text: &Text| text.fields().any(|name| name == hmac::SIGNATURE);
        if !texts.any(is_sent) && !pairs.any(is_sent) {
            let help = "write `{signature}` into a header or the query";
            self.problem(
                "auth-hmac",
                "the signature is never sent",
                &written.key,
                help,
            );
        }
        Some(Hmac {
            alg: written.alg,
            key: key?,
            key_encoding: written.key_encoding,
            over: over?,
            encoding: written.encoding,
            headers,
            query,
        })
    }

    /// A text that is signed may hold line breaks, as most prescribed ones do.
    fn over(&mut self, template: &At<String>) -> Option<Text> {
        match Text::parse(&template.value) {
            Ok(text) => {
                for name in text.fields() {
                    if self.fields.iter().any(|field| field.name == name) {
                        self.used.insert(name.to_owned());
                    } else if !hmac::VARIABLES.contains(&name) {
                        self.unknown(name, template);
                    }
                }
                Some(text)
            }
            Err(message) => {
                let help = "a template is text and `{field}`";
                self.problem("auth-template", message, template, help);
                None
            }
        }
    }

    fn signed_headers(
        &mut self,
        written: &BTreeMap<String, At<String>>,
        names: &[&str],
    ) -> Vec<(HeaderName, Text)> {
        let mut headers = Vec::new();
        for (name, template) in written {
            let shown = name.escape_debug();
            let text = self.text_with(template, names);
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                let message = format!("`{shown}` is not a header name");
                self.problem("auth-header", message, template, "see RFC 9110 section 5.1");
                continue;
            };
            if let Some(reason) = header::objection(&parsed) {
                let message = format!("a credential cannot go into `{shown}`: {reason}");
                let help = "name a header that the API reads";
                self.problem("auth-header", message, template, help);
            }
            headers.extend(text.map(|text| (parsed, text)));
        }
        headers
    }
}
