//! Moves an API to another URL than its description says.

use super::api::{Api, Operation, RequestPart, Server, TABLE};

/// Why a text is not where an API is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with a scheme.
    #[error("`{0}` is not a URL; it starts with https://")]
    NoScheme(String),
    /// Its host cannot be read, or something follows its path.
    #[error("`{0}` is not where an API is, as in `https://api.example.com/v1`")]
    NotAPlace(String),
}

impl Api {
    /// Puts the API at another URL than the description says, or at one where it says none. A URL without a path keeps the base
    /// paths of the description; one that ends in `/` has none.
    ///
    /// # Errors
    /// Says what is wrong with the URL.
    pub fn at(&mut self, url: &str) -> Result<(), UrlError> {
        let shown = || url.escape_debug().to_string();
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let rest = rest.ok_or_else(|| UrlError::NoScheme(shown()))?;
        let (host, path) = match rest.split_once('/') {
            Some((host, path)) => (host, Some(path)),
            None => (rest, None),
        };
        let good = |c: char| c.is_ascii_alphanumeric() || "-._:{}[]".contains(c);
        if host.is_empty()
            || !host.chars().all(good)
            || path.is_some_and(|path| path.contains(['?', '#']))
        {
            return Err(UrlError::NotAPlace(shown()));
        }
        let host = host.to_ascii_lowercase();
        self.judge.retain(|remark| !remark.contains("`domains`"));
        if self.format == TABLE {
            self.operations
                .iter_mut()
                .for_each(|operation| operation.elsewhere = None);
        }
        let is_graphql =
            |operation: &Operation| matches!(operation.part, Some(RequestPart::Graphql(_)));
        let Some(path) = path.map(|path| path.trim_end_matches('/')) else {
            // A URL without a path says only which host it is.
            self.rehost(&host);
            return Ok(());
        };
        let mut base = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        if self.operations.iter().any(is_graphql) {
            // A schema has one path, and the URL is where it is.
            for operation in &mut self.operations {
                operation.path = if base.is_empty() {
                    "/".to_owned()
                } else {
                    base.clone()
                };
            }
            base = String::new();
        }
        self.servers = vec![Server { host, base }];
        Ok(())
    }

    /// Moves all base paths to one host.
    fn rehost(&mut self, host: &str) {
        let mut servers: Vec<Server> = Vec::new();
        for Server { base, .. } in &self.servers {
            let server = Server {
                host: host.to_owned(),
                base: base.clone(),
            };
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        if servers.is_empty() {
            servers.push(Server {
                host: host.to_owned(),
                base: String::new(),
            });
        }
        self.servers = servers;
    }
}
