//! Certificates: names in; a leaf, its key and the authority that signed it out.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a server needs, and what its clients do.
pub(crate) struct Issued {
    leaf: CertificateDer<'static>,
    key: KeyPair,
    pub(crate) leaf_pem: String,
    pub(crate) ca_pem: String,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Now,
    Past,
    Future,
}

impl Issued {
    /// Makes an authority and a certificate for the names.
    pub(crate) fn new(names: &[&str], validity: Validity) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(names).unwrap();
        let (from, to) = match validity {
            Validity::Now => (2020, 2100),
            Validity::Past => (2000, 2001),
            Validity::Future => (2099, 2100),
        };
        leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(to, 1, 1);
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        Self {
            leaf: leaf.der().clone(),
            leaf_pem: leaf.pem(),
            key,
            ca_pem: authority.pem(),
        }
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Returns what a TLS server is started with.
    pub(crate) fn server(&self, alpn: &[&[u8]]) -> ServerConfig {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config
    }
}
