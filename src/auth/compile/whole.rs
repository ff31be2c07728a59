//! Compiles the placements of a scheme that need the whole request: cookies, paths and bodies.

use std::collections::BTreeMap;

use super::Compiler;
use crate::auth::body::{Body, BodyPlace};
use crate::auth::query::Query;
use crate::auth::{SchemeManifest, Template, cookie, path};
use crate::config::yaml::At;

impl Compiler<'_> {
    /// Adds what is put into cookies, path and body, and then what signs.
    pub(super) fn further(&mut self, manifest: &SchemeManifest, templates: &mut Vec<Template>) {
        let filled = |map: &&BTreeMap<String, At<String>>| !map.is_empty();
        if let Some(written) = manifest.cookie.as_ref().filter(filled) {
            templates.push(self.cookies(written));
        }
        if let Some(written) = &manifest.path {
            templates.extend(self.path(written));
        }
        if let Some(written) = manifest.body.as_ref().filter(filled) {
            templates.push(self.bodies(written));
        }
        self.signatures(manifest, templates);
    }

    fn cookies(&mut self, written: &BTreeMap<String, At<String>>) -> Template {
        let mut pairs = Vec::new();
        for (name, template) in written {
            if !cookie::is_name(name) {
                let message = format!("`{}` is not the name of a cookie", name.escape_debug());
                let help = "see RFC 6265 section 4.1.1";
                self.problem("auth-cookie", message, template, help);
            }
            let text = self.header_text(template);
            pairs.extend(text.map(|text| (name.clone(), text)));
        }
        Template::Cookie(cookie::Cookie { pairs })
    }

    fn path(&mut self, written: &At<String>) -> Option<Template> {
        let prefix = self.header_text(written)?;
        let starts = written.value.starts_with('/');
        let plain = prefix
            .literals()
            .all(|literal| !literal.contains(['?', '#', '%', '\\', ' ']));
        if !starts || !plain || written.value.ends_with('/') {
            let message = format!(
                "`{}` is not the beginning of a path",
                written.value.escape_debug()
            );
            let help = "as in `/services/{secret}`, without escapes and without a `/` at the end";
            self.problem("auth-path", message, written, help);
            return None;
        }
        Some(Template::Path(path::Path { prefix }))
    }

    fn bodies(&mut self, written: &BTreeMap<String, At<String>>) -> Template {
        let mut body = Body {
            json: Vec::new(),
            form: Query { pairs: Vec::new() },
        };
        for (place, template) in written {
            let text = self.text(template);
            match (BodyPlace::parse(place), text) {
                (Some(BodyPlace::Json(keys)), Some(text)) => body.json.push((keys, text)),
                (Some(BodyPlace::Form(name)), Some(text)) => body.form.pairs.push((name, text)),
                (Some(_), None) => {}
                (None, _) => {
                    let message = format!("`{}` is not a place in a body", place.escape_debug());
                    let help = "as in `$.routing_key` or `form:refresh_token`";
                    self.problem("auth-body", message, template, help);
                }
            }
        }
        Template::Body(body)
    }
}
