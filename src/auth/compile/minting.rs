//! Compiles the entries that mint tokens: which fields they send where, and how the token is put on.

mod exchange;
mod oauth2;

use std::collections::BTreeMap;
use std::time::Duration;

use super::Compiler;
use super::placements::Placements;
use crate::auth::manifest::{GithubAppManifest, JwtManifest, ThenManifest};
use crate::auth::mint::{GithubApp, Jwt, Minter, UrlText};
use crate::auth::text::Text;
use crate::auth::{SchemeManifest, Template};
use crate::config::units::Period;
use crate::config::yaml::At;

const GITHUB: &str = "https://api.github.com";

/// Lifetime of a signed token unless said.
const LIFETIME: Duration = Duration::from_secs(300);

impl Compiler<'_> {
    /// Returns the way of minting, if the scheme has one, and the templates that put its token on.
    pub(super) fn minter(&mut self, manifest: &SchemeManifest) -> Option<(Minter, Vec<Template>)> {
        let (minter, then) = if let Some(written) = &manifest.oauth2 {
            let minter = self.oauth2(written, &manifest.id);
            (
                minter.map(|way| Minter::Oauth2(Box::new(way))),
                &written.then,
            )
        } else if let Some(written) = &manifest.exchange {
            let minter = self.exchange(written);
            (
                minter.map(|way| Minter::Exchange(Box::new(way))),
                &written.then,
            )
        } else if let Some(written) = &manifest.jwt {
            let minter = self.jwt(written);
            (minter.map(|way| Minter::Jwt(Box::new(way))), &written.then)
        } else {
            let written = manifest.github_app.as_ref()?;
            let minter = self.github_app(written);
            (
                minter.map(|way| Minter::GithubApp(Box::new(way))),
                &written.then,
            )
        };
        let minter = minter?;
        for name in minter.minted() {
            if self.fields.iter().any(|field| field.name == *name) {
                let message = format!("field `{name}` has the name of what is minted");
                self.problem("auth-field", message, &manifest.id, "choose another name");
            }
            self.minted.push(name);
        }
        let templates = self.then(then.as_ref(), &manifest.id, &minter);
        Some((minter, templates))
    }

    fn then(
        &mut self,
        written: Option<&ThenManifest>,
        id: &At<String>,
        minter: &Minter,
    ) -> Vec<Template> {
        let Some(written) = written else {
            let name = minter.minted().first().copied().unwrap_or_default();
            let bearer = At {
                value: format!("{{{name}}}"),
                ..id.clone()
            };
            return self.templates(Placements::bearer(id, &bearer));
        };
        let templates = self.templates(Placements {
            id,
            bearer: written.bearer.as_ref(),
            basic: written.basic.as_ref(),
            header: written.header.as_ref(),
            query: written.query.as_ref(),
            more: None,
        });
        if let Some(name) = minter
            .minted()
            .iter()
            .find(|name| !self.used.contains(**name))
        {
            let message = format!("`then` does not put `{{{name}}}` on");
            self.problem("auth-unused-field", message, id, "name it in a template");
        }
        templates
    }

    fn jwt(&mut self, written: &JwtManifest) -> Option<Jwt> {
        let key = self.text(&written.key);
        let key_id = written.key_id.as_ref().map(|key_id| self.text(key_id));
        let claims = self.texts(&written.claims);
        let lifetime = self.lifetime(written.lifetime.as_ref());
        Some(Jwt {
            alg: written.alg,
            key: key?,
            key_id: match key_id {
                Some(key_id) => Some(key_id?),
                None => None,
            },
            claims,
            lifetime,
        })
    }

    /// Returns how many seconds a signed token lives.
    fn lifetime(&mut self, written: Option<&At<Period>>) -> u64 {
        let lifetime = written.map_or(LIFETIME, |written| written.value.0);
        if let Some(written) = written
            && !(60..=86_400).contains(&lifetime.as_secs())
        {
            let message = "a signed token lives from 1m to 24h";
            self.problem(
                "auth-jwt",
                message,
                written,
                "write how long it lives: `10m`",
            );
        }
        lifetime.as_secs()
    }

    fn github_app(&mut self, written: &GithubAppManifest) -> Option<GithubApp> {
        let app_id = self.text(&written.app_id);
        let private_key = self.text(&written.private_key);
        let one = written.installation_id.as_ref().map(|one| self.text(one));
        let api = written.api.clone().unwrap_or(At {
            value: GITHUB.to_owned(),
            line: written.app_id.line,
            column: written.app_id.column,
        });
        let api = At {
            value: api.value.trim_end_matches('/').to_owned(),
            ..api
        };
        Some(GithubApp {
            app_id: app_id?,
            private_key: private_key?,
            installation_id: match one {
                Some(one) => Some(one?),
                None => None,
            },
            api: self.url(&api)?,
        })
    }

    fn texts(&mut self, written: &BTreeMap<String, At<String>>) -> BTreeMap<String, Text> {
        let mut texts = BTreeMap::new();
        for (name, template) in written {
            texts.extend(self.text(template).map(|text| (name.clone(), text)));
        }
        texts
    }

    /// Reads a URL. No secret stands in one: it is shown where the credential is, and logged by servers.
    fn url(&mut self, written: &At<String>) -> Option<UrlText> {
        let text = self.text(written)?;
        let help = "write `https://host/path`";
        let filled = text.joined(|_| Ok::<_, ()>("x")).unwrap_or_default();
        let rest = filled.strip_prefix("https://").unwrap_or_default();
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&byte);
        if host.is_empty() || host.contains('@') || !filled.bytes().all(plain) {
            self.problem("auth-url", "this is no HTTPS URL", written, help);
            return None;
        }
        let secret = |name: &&str| {
            let mut fields = self.fields.iter();
            fields.any(|field| field.name == **name && field.secret)
        };
        if let Some(name) = text.fields().find(secret) {
            let message = format!("field `{name}` is a secret, and URLs are shown");
            self.problem(
                "auth-url",
                message,
                written,
                "say `secret: false`, or send it elsewhere",
            );
            return None;
        }
        Some(UrlText(text))
    }
}
