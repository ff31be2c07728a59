//! Compiles `exchange`: the request, and where its answer has the token.

use http::{HeaderName, Method};

use crate::auth::compile::Compiler;
use crate::auth::manifest::ExchangeManifest;
use crate::auth::mint::exchange::{Body, Template as JsonTemplate};
use crate::auth::mint::{Exchange, JsonPath, Place, UrlText};
use crate::config::yaml::At;

impl Compiler<'_> {
    pub(super) fn exchange(&mut self, written: &ExchangeManifest) -> Option<Exchange> {
        let request = self.request(&written.request);
        let body = match (&written.json, &written.form) {
            (Some(json), Some(_)) => {
                let help = "keep one of them";
                self.problem(
                    "auth-exchange",
                    "`json` and `form` are both there",
                    json,
                    help,
                );
                None
            }
            (Some(json), None) => self.json(json).map(Body::Json),
            (None, Some(form)) => Some(Body::Form(self.texts(form))),
            (None, None) => Some(Body::Empty),
        };
        let mut headers = Vec::new();
        for (name, template) in &written.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                let message = format!("`{}` is not a header name", name.escape_debug());
                let help = "see RFC 9110 section 5.1";
                self.problem("auth-exchange", message, template, help);
            }
            let text = self.header_text(template);
            headers.extend(text.map(|text| (name.to_ascii_lowercase(), text)));
        }
        let basic = written
            .basic
            .as_ref()
            .map(|basic| (self.text(&basic.username), self.text(&basic.password)));
        let token = Place::parse(&written.token.value);
        if token.is_none() {
            self.no_path(&written.token);
        }
        let mut path = |written: &Option<At<String>>| {
            let written = written.as_ref()?;
            let path = JsonPath::parse(&written.value);
            if path.is_none() {
                self.no_path(written);
            }
            path
        };
        let (expires_in, expires_at) = (path(&written.expires_in), path(&written.expires_at));
        let (method, url) = request?;
        let basic = match basic {
            Some((user, password)) => Some((user?, password?)),
            None => None,
        };
        let lifetime = written.lifetime.as_ref();
        Some(Exchange {
            method,
            url,
            body: body?,
            headers,
            basic,
            token: token?,
            expires_in,
            expires_at,
            lifetime: lifetime.map(|lifetime| lifetime.value.0.as_secs().max(1)),
        })
    }

    fn no_path(&mut self, at: &At<String>) {
        let shown = at.value.escape_debug();
        let message = format!("`{shown}` is not a path to one value");
        self.problem(
            "auth-exchange",
            message,
            at,
            "write `$.name.name` or `$['name'][0]`",
        );
    }

    fn request(&mut self, written: &At<String>) -> Option<(Method, UrlText)> {
        let found = written.value.split_once(' ').and_then(|(method, url)| {
            let known = [Method::GET, Method::POST, Method::PUT];
            let method = known.into_iter().find(|known| known.as_str() == method)?;
            Some((method, url))
        });
        let Some((method, url)) = found else {
            let help = "write `POST https://host/path`; GET and PUT are possible too";
            self.problem("auth-exchange", "this is no request", written, help);
            return None;
        };
        let url = At {
            value: url.to_owned(),
            ..written.clone()
        };
        Some((method, self.url(&url)?))
    }

    fn json(&mut self, written: &At<serde_json::Value>) -> Option<JsonTemplate> {
        JsonTemplate::of(&written.value, &mut |text| {
            let template = At {
                value: text.to_owned(),
                line: written.line,
                column: written.column,
            };
            self.text(&template)
        })
    }
}
