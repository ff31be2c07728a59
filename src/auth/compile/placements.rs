//! Compiles the placements of a scheme that depend on its fields alone: what goes into which header and query key.

use std::collections::BTreeMap;

use http::HeaderName;

use super::Compiler;
use crate::auth::text::Text;
use crate::auth::{BasicManifest, SchemeManifest, Template, basic, bearer, header, query};
use crate::config::yaml::At;

/// What puts a credential, or a token that is minted of it, on.
#[derive(Clone, Copy)]
pub(super) struct Placements<'m> {
    pub(super) id: &'m At<String>,
    pub(super) bearer: Option<&'m At<String>>,
    pub(super) basic: Option<&'m BasicManifest>,
    pub(super) header: Option<&'m BTreeMap<String, At<String>>>,
    pub(super) query: Option<&'m BTreeMap<String, At<String>>>,
    /// What a scheme that mints nothing may have too.
    pub(super) more: Option<&'m SchemeManifest>,
}

impl<'m> Placements<'m> {
    pub(super) fn of(manifest: &'m SchemeManifest) -> Self {
        Self {
            id: &manifest.id,
            bearer: manifest.bearer.as_ref(),
            basic: manifest.basic.as_ref(),
            header: manifest.header.as_ref(),
            query: manifest.query.as_ref(),
            more: manifest.has_more().then_some(manifest),
        }
    }

    pub(super) fn bearer(id: &'m At<String>, bearer: &'m At<String>) -> Self {
        Self {
            id,
            bearer: Some(bearer),
            basic: None,
            header: None,
            query: None,
            more: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let empty = |map: Option<&BTreeMap<_, _>>| map.is_none_or(BTreeMap::is_empty);
        let is_plain = self.bearer.is_none() && self.basic.is_none();
        is_plain && self.more.is_none() && empty(self.header) && empty(self.query)
    }
}

impl Compiler<'_> {
    pub(super) fn templates(&mut self, placements: Placements<'_>) -> Vec<Template> {
        let mut templates = Vec::new();
        if let Some(token) = placements.bearer {
            templates.extend(
                self.header_text(token)
                    .map(|token| Template::Bearer(bearer::Bearer { token })),
            );
        }
        if let Some(written) = placements.basic {
            templates.extend(self.basic(written).map(Template::Basic));
        }
        if let Some(written) = placements.header {
            let taken = placements.bearer.is_some() || placements.basic.is_some();
            templates.push(self.headers(written, taken));
        }
        if let Some(written) = placements.query {
            templates.push(self.query(written));
        }
        if let (Some(_), Some(basic)) = (placements.bearer, placements.basic) {
            let help = "keep one, or make two schemes";
            self.problem(
                "auth-header",
                "`bearer` and `basic` both write `authorization`",
                &basic.username,
                help,
            );
        }
        if let Some(manifest) = placements.more {
            self.further(manifest, &mut templates);
        }
        if placements.is_empty() {
            let message = format!(
                "auth scheme `{}` puts nothing on",
                placements.id.value.escape_debug()
            );
            self.problem(
                "auth-no-way",
                message,
                placements.id,
                "add `bearer`, `basic`, `header`, `query`, `cookie`, `path`, `body`, `sigv4` or `hmac`",
            );
        }
        templates
    }

    fn basic(&mut self, written: &BasicManifest) -> Option<basic::Basic> {
        let (username, password) = (self.text(&written.username), self.text(&written.password));
        if username
            .as_ref()
            .is_some_and(|text| text.literals().any(|literal| literal.contains(':')))
        {
            let help = "RFC 7617 ends the user name at the first colon";
            self.problem(
                "auth-template",
                "the user name holds a `:`",
                &written.username,
                help,
            );
        }
        Some(basic::Basic {
            username: username?,
            password: password?,
        })
    }

    fn headers(
        &mut self,
        written: &BTreeMap<String, At<String>>,
        authorization_taken: bool,
    ) -> Template {
        let mut headers: Vec<(HeaderName, Text)> = Vec::new();
        for (name, template) in written {
            let text = self.header_text(template);
            let shown = name.escape_debug();
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                self.problem(
                    "auth-header",
                    format!("`{shown}` is not a header name"),
                    template,
                    "see RFC 9110 section 5.1",
                );
                continue;
            };
            if let Some(reason) = header::objection(&parsed) {
                let message = format!("a credential cannot go into `{shown}`: {reason}");
                self.problem(
                    "auth-header",
                    message,
                    template,
                    "name a header that the API reads",
                );
            }
            let twice = headers.iter().any(|(other, _)| *other == parsed)
                || authorization_taken && parsed == http::header::AUTHORIZATION;
            if twice {
                self.problem(
                    "auth-header",
                    format!("`{shown}` is written twice"),
                    template,
                    "header names ignore case",
                );
            }
            headers.extend(text.map(|text| (parsed, text)));
        }
        Template::Header(header::Header { headers })
    }

    fn query(&mut self, written: &BTreeMap<String, At<String>>) -> Template {
        let mut pairs = Vec::new();
        for (name, template) in written {
            if name.is_empty() || name.chars().any(char::is_control) {
                let message = format!("`{}` is not a query key", name.escape_debug());
                self.problem(
                    "auth-query",
                    message,
                    template,
                    "write the key as it is before escaping",
                );
            }
            pairs.extend(self.text(template).map(|text| (name.clone(), text)));
        }
        Template::Query(query::Query { pairs })
    }
}
