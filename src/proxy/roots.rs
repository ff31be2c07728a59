//! Roots: the system's and the operator's certificates in, one PEM file that holds both out.
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
        let bytes = fs::read(file).map_err(|error| ProxyError::File(file.to_owned(), error))?;
        let roots = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| unusable("not PEM"))?;
        if roots.is_empty() {
            return Err(unusable("has no certificate"));
        }
        for root in roots {
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
