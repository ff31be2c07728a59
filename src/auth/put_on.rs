//! Applies a scheme to a request: what depends on the fields alone is written once for many, all else for each request.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::template::Template;
use super::{ApplyError, Fields, Outgoing, RequestFacts, Rewritten, Scheme, sigv4};
use crate::model::credential::WrittenHeaders;

impl Scheme {
    /// Returns the headers that [`Scheme::apply`] would write to any request; `None` where it writes elsewhere too, or signs.
    ///
    /// # Errors
    ///
    /// If a field is missing or cannot be written.
    pub fn prepare(&self, fields: &Fields) -> Result<Option<WrittenHeaders>, ApplyError> {
        let mut headers = HeaderMap::new();
        for template in &self.templates {
            if !template.apply_to_head(fields, &mut headers)? {
                return Ok(None);
            }
        }
        let written = headers.iter();
        let written = written.map(|(name, value)| (name.clone(), value.clone()));
        Ok(Some(written.collect()))
    }

    /// Puts the credential on, in place of an earlier one. After an error the request may be half written and is not sent.
    ///
    /// # Errors
    ///
    /// If a field is missing or cannot be written, or the request has no place for it or cannot be signed.
    pub fn apply(&self, fields: &Fields, outgoing: &mut Outgoing<'_>) -> Result<(), ApplyError> {
        for template in &self.templates {
            if template.apply_to_head(fields, outgoing.headers)? {
                continue;
            }
            match template {
                Template::Query(way) => way.apply(fields, outgoing.query)?,
                Template::Cookie(way) => way.apply(fields, outgoing.headers)?,
                Template::Path(way) => way.apply(fields, outgoing.path)?,
                Template::Sigv4(way) => way.apply(fields, outgoing)?,
                Template::Hmac(way) => way.apply(fields, outgoing)?,
                // `fill_body` has written it.
                Template::Body(_) => {}
                Template::Bearer(_) | Template::Basic(_) | Template::Header(_) => {}
            }
        }
        Ok(())
    }

    /// As [`Scheme::apply`], on a copy; returns only what it has written.
    ///
    /// # Errors
    ///
    /// As [`Scheme::apply`].
    pub fn rewrite(
        &self,
        fields: &Fields,
        (headers, path, query): (&HeaderMap, &str, Option<&str>),
        request: RequestFacts<'_>,
    ) -> Result<Rewritten, ApplyError> {
        let mut written = (headers.clone(), query.map(str::to_owned), path.to_owned());
        let mut outgoing = Outgoing {
            headers: &mut written.0,
            query: &mut written.1,
            path: &mut written.2,
            request,
        };
        self.apply(fields, &mut outgoing)?;
        let (written, query, path) = written;
        let own = self.templates.iter().flat_map(Template::headers);
        let headers = own.filter_map(|name| {
            let value: Option<HeaderValue> = written.get(&name).cloned();
            Some((name, value?))
        });
        Ok(Rewritten {
            headers: headers.collect(),
            query,
            path: Some(path),
        })
    }

    /// Returns the body with the credential in it; `None` where the scheme writes into no body.
    ///
    /// # Errors
    ///
    /// If a field is missing, or the body has no place for the credential.
    pub fn fill_body(
        &self,
        fields: &Fields,
        content_type: &str,
        body: &[u8],
    ) -> Result<Option<Bytes>, ApplyError> {
        for template in &self.templates {
            if let Template::Body(way) = template {
                return way.fill(fields, content_type, body).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns whether the body must be read to sign a request with these headers.
    #[must_use]
    pub fn signs_body(&self, headers: &HeaderMap) -> bool {
        self.templates.iter().any(|template| match template {
            Template::Sigv4(_) => !headers.contains_key(sigv4::CONTENT_HASH),
            Template::Hmac(way) => way.signs_body(),
            Template::Bearer(_)
            | Template::Basic(_)
            | Template::Header(_)
            | Template::Query(_)
            | Template::Cookie(_)
            | Template::Path(_)
            | Template::Body(_) => false,
        })
    }

    /// Returns whether the scheme writes into bodies.
    #[must_use]
    pub fn fills_body(&self) -> bool {
        let is_body = |template: &Template| matches!(template, Template::Body(_));
        self.templates.iter().any(is_body)
    }
}
