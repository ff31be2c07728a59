//! Certificates: nothing in; an authority, a leaf for the upstream's name and its key out, as PEM files that all contenders read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The files.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) leaf: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Returns where the files are in a directory.
    pub(crate) fn at(directory: &Path) -> Self {
        Self {
            authority: directory.join("authority.pem"),
            leaf: directory.join("leaf.pem"),
            key: directory.join("leaf.key"),
        }
    }

    /// Makes the files, for these names.
    pub(crate) fn make(directory: &Path, names: &[&str]) -> Result<Self> {
        let files = Self::at(directory);
        let mut params = CertificateParams::default();
        // Of two certificates with one name, OpenSSL takes each for its own issuer.
        params
            .distinguished_name
            .push(DnType::CommonName, "Bench CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Bench leaf");
        let leaf = params.signed_by(&key, &authority)?;
        std::fs::write(&files.authority, authority.pem())?;
        std::fs::write(&files.leaf, leaf.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }

    /// Returns what a TLS server serves with.
    pub(crate) fn server(&self, alpn: &[&str]) -> Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_file_iter(&self.leaf)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&self.key)?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// Returns what an agent that trusts these authorities connects with. Sessions are not resumed: an agent is often a new process.
pub(crate) fn client(authority: &Path, alpn: &[&str]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(authority)
        .with_context(|| format!("cannot read `{}`", authority.display()))?
    {
        roots.add(root?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}
