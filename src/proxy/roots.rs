//! Reads and writes PEM files of the certificates that the system, the operator and a child's environment trust.
//!
//! Pingora's `ca_file` replaces the system's roots and panics on what it cannot read, so all of it is checked here first.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::ProxyError;

/// Certificates of authorities, each once.
#[derive(Debug, Default)]
pub struct Certificates(Vec<CertificateDer<'static>>);

impl Certificates {
    /// Reads those of a file.
    ///
    /// # Errors
    /// Names the file, when it cannot be read or has no certificate.
    pub fn read(file: &Path) -> Result<Self, ProxyError> {
        read(file).map(Self)
    }

    /// Reads the roots that the system trusts; one that cannot be read is left out.
    #[must_use]
    pub fn of_system() -> Self {
        let mut roots = RootCertStore::empty();
        let mut all = rustls_native_certs::load_native_certs().certs;
        all.retain(|root| roots.add(root.clone()).is_ok());
        Self(all)
    }

    /// Adds the certificates that are missing, and returns them.
    pub fn absorb(&mut self, others: &Self) -> Self {
        let mut added = Self::default();
        for certificate in &others.0 {
            if !self.0.contains(certificate) {
                self.0.push(certificate.clone());
                added.0.push(certificate.clone());
            }
        }
        added
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns them as one PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let mut pem = String::new();
        for certificate in &self.0 {
            push_pem(&mut pem, certificate);
        }
        pem
    }
}

/// Reads a PEM file that has at least one certificate.
fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, ProxyError> {
    let unusable = |reason: &str| ProxyError::Roots(format!("`{}`: {reason}", file.display()));
    let bytes = fs::read(file).map_err(|error| ProxyError::File(file.to_owned(), error))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unusable("not PEM"))?;
    if certificates.is_empty() {
        return Err(unusable("has no certificate"));
    }
    Ok(certificates)
}

/// Writes the system's roots and those of `ca_files` to `target`; returns how many there are.
///
/// A system root that cannot be read is left out; one of the operator's is an error.
///
/// # Errors
/// Names the file, or says that there is no root at all.
pub fn merge_roots<P: AsRef<Path>>(ca_files: &[P], target: &Path) -> Result<usize, ProxyError> {
    let mut store = RootCertStore::empty();
    let mut pem = String::new();
    for root in rustls_native_certs::load_native_certs().certs {
        if store.add(root.clone()).is_ok() {
            push_pem(&mut pem, &root);
        }
    }
    for file in ca_files {
        let file = file.as_ref();
        let unusable = |reason: &str| ProxyError::Roots(format!("`{}`: {reason}", file.display()));
        for root in read(file)? {
            store
                .add(root.clone())
                .map_err(|_| unusable("has a certificate that cannot be read"))?;
            push_pem(&mut pem, &root);
        }
    }
    if store.is_empty() {
        return Err(ProxyError::Roots(
            "neither the system nor `egress.ca_files` has one".to_owned(),
        ));
    }
    fs::write(target, pem).map_err(|error| ProxyError::File(target.to_owned(), error))?;
    Ok(store.len())
}

/// RFC 7468 section 5.
fn push_pem(pem: &mut String, certificate: &CertificateDer<'_>) {
    let text = STANDARD.encode(certificate);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
}
