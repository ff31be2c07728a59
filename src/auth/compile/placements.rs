//! Compiles the placements of a scheme to templates: what goes into which header and query key.

use std::collections::BTreeMap;

use http::HeaderName;

use super::super::text::Text;
use super::super::{BasicManifest, SchemeManifest, Template, basic, bearer, header, query};
use super::Compiler;
use crate::config::yaml::At;

impl Compiler<'_> {
    pub(super) fn templates(&mut self, manifest: &SchemeManifest) -> Vec<Template> {
        let mut templates = Vec::new();
        if let Some(token) = &manifest.bearer {
            templates.extend(
                self.header_text(token)
                    .map(|token| Template::Bearer(bearer::Bearer { token })),
            );
        }
        if let Some(written) = &manifest.basic {
            templates.extend(self.basic(written).map(Template::Basic));
        }
        if let Some(written) = &manifest.header {
            templates.push(self.headers(
                written,
                manifest.bearer.is_some() || manifest.basic.is_some(),
            ));
        }
        if let Some(written) = &manifest.query {
            templates.push(self.query(written));
        }
        if let (Some(_), Some(basic)) = (&manifest.bearer, &manifest.basic) {
            let help = "keep one, or make two schemes";
            self.problem(
                "auth-header",
                "`bearer` and `basic` both write `authorization`",
                &basic.username,
                help,
            );
        }
        let empty = |map: &Option<BTreeMap<String, At<String>>>| {
            map.as_ref().is_none_or(BTreeMap::is_empty)
        };
        if manifest.bearer.is_none()
            && manifest.basic.is_none()
            && empty(&manifest.header)
            && empty(&manifest.query)
        {
            let message = format!(
                "auth scheme `{}` puts nothing on",
                manifest.id.value.escape_debug()
            );
            self.problem(
                "auth-no-way",
                message,
                &manifest.id,
                "add `bearer`, `basic`, `header` or `query`",
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
