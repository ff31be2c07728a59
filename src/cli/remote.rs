//! Reaches a gateway on another machine: over TLS only, with the system's roots or the file of `--ca`.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::Failure;
use crate::model::show::escape;

/// A gateway's admin port.
#[derive(Debug, Clone)]
pub(super) struct Server {
    authority: String,
    host: String,
    port: u16,
    tls: Arc<ClientConfig>,
}

impl Server {
    /// Reads `https://host[:port]`, and the certificates to trust.
    pub(super) fn parse(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let bad = || {
            let shown = escape(url);
            Failure::usage(format!("`{shown}` is not `https://HOST[:PORT]`"))
                .help("a token goes over TLS only; set `admin.tls` on the gateway")
        };
        let parsed: http::Uri = url.parse().map_err(|_| bad())?;
        let authority = parsed.authority().ok_or_else(bad)?;
        let is_root = matches!(parsed.path(), "" | "/") && parsed.query().is_none();
        if parsed.scheme_str() != Some("https") || !is_root || authority.as_str().contains('@') {
            return Err(bad());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(Self {
            authority: authority.as_str().to_owned(),
            host,
            port: authority.port_u16().unwrap_or(443),
            tls: Arc::new(config(ca)?),
        })
    }

    /// Returns host and port as they were given.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Connects, and checks the certificate.
    pub(super) async fn connect(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let unreached = |error: std::io::Error| {
            let detail = format!("no gateway answers at `{}`: {error}", self.authority);
            Failure::unreached("gateway_unreached", detail)
        };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| Failure::usage(format!("`{}` is not a host", escape(&self.host))))?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(unreached)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(name, stream).await.map_err(unreached)
    }
}

fn config(ca: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let shown = file.display();
            let failed = |error: &dyn std::fmt::Display| {
                Failure::failed("ca", format!("`{shown}` cannot be used: {error}"))
            };
            let read = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
            for certificate in read {
                let certificate = certificate.map_err(|error| failed(&error))?;
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::failed("tls", error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
