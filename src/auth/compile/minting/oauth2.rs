//! Compiles `oauth2`: the grant, the fields that it needs, and the endpoints.

use crate::auth::compile::Compiler;
use crate::auth::manifest::OAuth2Manifest;
use crate::auth::mint::{ClientAuth, Grant, OAuth2};
use crate::auth::text::Text;
use crate::config::yaml::At;

/// Parameters that the grant itself writes.
const OWN_PARAMS: [&str; 7] = [
    "grant_type",
    "client_id",
    "client_secret",
    "refresh_token",
    "subject_token",
    "assertion",
    "scope",
];

impl Compiler<'_> {
    pub(super) fn oauth2(&mut self, written: &OAuth2Manifest, id: &At<String>) -> Option<OAuth2> {
        let before = self.problems;
        let client_auth = written.client_auth.unwrap_or(match written.grant {
            Grant::JwtBearer => ClientAuth::None,
            _ => ClientAuth::Basic,
        });
        for name in written.grant.needs().iter().chain(client_auth.needs()) {
            self.needs(name, id);
        }
        // Sent where it is there.
        self.used.insert("client_id".to_owned());
        self.check_grant(written, id);
        self.check_parameters(written);
        let token_url = self.url(&written.token_url);
        let authorize_url = written.authorize_url.as_ref().map(|url| self.url(url));
        let device_url = written.device_url.as_ref().map(|url| self.url(url));
        let params = self.texts(&written.params);
        let jwt = written.jwt.as_ref().map(|jwt| self.jwt(jwt));
        let scopes = written.scopes.iter().map(|scope| scope.value.clone());
        (self.problems == before).then_some(OAuth2 {
            grant: written.grant,
            token_url: token_url?,
            authorize_url: authorize_url.flatten(),
            device_url: device_url.flatten(),
            scopes: scopes.collect(),
            client_auth,
            params,
            jwt: jwt.flatten(),
        })
    }

    fn check_grant(&mut self, written: &OAuth2Manifest, id: &At<String>) {
        let assertion = written.grant == Grant::JwtBearer;
        if assertion != written.jwt.is_some() {
            let help = "a `jwt` is the assertion of `jwt_bearer`, and of no other grant";
            self.problem("auth-oauth2", "`jwt` and `grant` do not fit", id, help);
        }
        let missing = match written.grant {
            Grant::AuthorizationCode if written.authorize_url.is_none() => "authorize_url",
            Grant::DeviceCode if written.device_url.is_none() => "device_url",
            _ => "",
        };
        if !missing.is_empty() {
            let message = format!("`{missing}` is missing");
            self.problem("auth-oauth2", message, id, "write where a person signs in");
        }
        let then = written.jwt.as_ref().and_then(|jwt| jwt.then.as_ref());
        if then.is_some() {
            let help = "write `then` beside `jwt`";
            self.problem("auth-oauth2", "an assertion is not put on", id, help);
        }
    }

    fn check_parameters(&mut self, written: &OAuth2Manifest) {
        for scope in &written.scopes {
            // RFC 6749 appendix A.4.
            let good = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if scope.value.is_empty() || !scope.value.bytes().all(good) {
                let message = format!("`{}` is not a scope", scope.value.escape_debug());
                self.problem("auth-oauth2", message, scope, "list scopes one by one");
            }
        }
        for (name, template) in &written.params {
            if OWN_PARAMS.contains(&name.as_str()) {
                let message = format!("the grant writes `{name}` itself");
                self.problem("auth-oauth2", message, template, "remove it");
            }
            if written.grant == Grant::AuthorizationCode
                && let Some(field) = self.secret_in(template)
            {
                let message = format!("secret field `{field}` would stand in a URL");
                let help = "`params` are part of the URL that `credential add --oauth` prints and a browser opens: name fields with `secret: false` only";
                self.problem("auth-oauth2", message, template, help);
            }
        }
    }

    /// Returns the first secret field that a template names.
    fn secret_in(&self, template: &At<String>) -> Option<String> {
        let text = Text::parse(&template.value).ok()?;
        let is_secret = |name: &&str| {
            self.fields
                .iter()
                .any(|field| field.name == **name && field.secret)
        };
        let secret = text.fields().find(is_secret);
        secret.map(str::to_owned)
    }

    fn needs(&mut self, name: &str, id: &At<String>) {
        if self.fields.iter().any(|field| field.name == name) {
            self.used.insert(name.to_owned());
            return;
        }
        let message = format!("field `{name}` is missing");
        self.problem("auth-field", message, id, "list it in `fields`");
    }
}
