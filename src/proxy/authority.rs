//! Loads or creates the gateway's certificate authority, which signs leaf certificates.
//!
//! INVARIANT: the key leaves this file only to a file of mode 0600.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::ProxyError;
use crate::model::clock::Clock;

/// How long a made authority is valid.
const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// How far clocks of agents may be behind.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// Signs the leaves that agents see instead of an upstream's certificate.
pub struct CertificateAuthority {
    /// The signing certificate first, then what the operator's file has after it.
    chain: Vec<CertificateDer<'static>>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Makes a P-256 authority that may sign leaves only (path length 0); returns it with its key in PEM.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn make(clock: &Clock) -> Result<(Self, String), ProxyError> {
        let key =
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(ProxyError::Certificate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // Two gateways' authorities in one trust store must not have one name.
        let mark = ulid::Ulid::from_datetime(clock.now()).to_string();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Tollgate CA {mark}"));
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Tollgate");
        params.not_before = clock.utc() - SLACK;
        params.not_after = clock.utc() + LIFETIME;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params
            .self_signed(&key)
            .map_err(ProxyError::Certificate)?
            .pem();
        let key_pem = key.serialize_pem();
        Ok((Self::load(&pem, &key_pem)?, key_pem))
    }

    /// Reads an authority; the first certificate must be the one that the key is for.
    ///
    /// # Errors
    /// Says which of the two is wrong, without showing the key.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, ProxyError> {
        let wrong = |reason: &str| ProxyError::Authority(reason.to_owned());
        let chain = CertificateDer::pem_slice_iter(certificate_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong("the certificate is not PEM"))?;
        let first = chain
            .first()
            .ok_or_else(|| wrong("the certificate file has no certificate"))?;
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|_| wrong("the key is not a PEM private key"))?;
        check_match(&chain, &der)?;
        check_use(first)?;
        let key = KeyPair::try_from(&der)
            .map_err(|_| wrong("the key's kind is not supported; use P-256 in PKCS #8"))?;
        let issuer = Issuer::from_ca_cert_der(first, key)
            .map_err(|_| wrong("the certificate cannot be read"))?;
        Ok(Self {
            pem: certificate_pem.to_owned(),
            issuer,
            chain,
        })
    }

    /// Loads `ca.pem` and `ca.key` of a directory, or makes them where neither exists.
    ///
    /// # Errors
    /// When one of the two is missing or unusable: a lost key is never replaced silently, since agents trust the old one.
    pub fn load_or_make(directory: &Path, clock: &Clock) -> Result<Self, ProxyError> {
        let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
        match (read_if_there(&certificate)?, read_if_there(&key)?) {
            (Some(pem), Some(key_pem)) => Self::load(&pem, &key_pem),
            (None, None) => {
                let (authority, key_pem) = Self::make(clock)?;
                write_new(&key, &key_pem, 0o600)?;
                write_new(&certificate, &authority.pem, 0o644)?;
                Ok(authority)
            }
            (Some(_), None) => Err(ProxyError::Authority(format!(
                "`{}` is missing",
                key.display()
            ))),
            (None, Some(_)) => Err(ProxyError::Authority(format!(
                "`{}` is missing",
                certificate.display()
            ))),
        }
    }

    /// Returns the certificate that agents must trust, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// Checks that certificates signed now will be trusted.
    ///
    /// # Errors
    /// When the certificate has run out, or is for later.
    pub(super) fn check_validity(&self, clock: &Clock) -> Result<(), ProxyError> {
        let wrong = |reason: &str| ProxyError::Authority(format!("the certificate {reason}"));
        let (_, parsed) = self
            .chain
            .first()
            .and_then(|first| x509_parser::parse_x509_certificate(first).ok())
            .ok_or_else(|| wrong("cannot be read"))?;
        let now = clock.utc().unix_timestamp();
        if parsed.validity().not_after.timestamp() < now {
            return Err(wrong("has expired"));
        }
        if parsed.validity().not_before.timestamp() > now {
            return Err(wrong("is not valid yet"));
        }
        Ok(())
    }

    /// Returns the certificates that a server sends after its leaf.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Signs a leaf certificate for one host.
    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        key: &KeyPair,
    ) -> Result<Certificate, ProxyError> {
        params
            .signed_by(key, &self.issuer)
            .map_err(ProxyError::Certificate)
    }
}

/// Signing with a key that is not the certificate's would only show in the agents' handshakes.
fn check_match(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), ProxyError> {
    let wrong = |reason: &str| ProxyError::Authority(reason.to_owned());
    let signer = rustls::crypto::ring::sign::any_supported_type(key)
        .map_err(|_| wrong("the key's kind is not supported"))?;
    match rustls::sign::CertifiedKey::new(chain.to_vec(), signer).keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(wrong("the key is not the certificate's")),
        Err(_) => Err(wrong("the certificate cannot be read")),
    }
}

/// Agents refuse what such a certificate has signed, each in its own words.
fn check_use(certificate: &CertificateDer<'_>) -> Result<(), ProxyError> {
    let wrong = |reason: &str| ProxyError::Authority(reason.to_owned());
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| wrong("the certificate cannot be read"))?;
    if !parsed.is_ca() {
        return Err(wrong("the certificate is not one of an authority"));
    }
    let usage = parsed
        .key_usage()
        .map_err(|_| wrong("the certificate cannot be read"))?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(wrong(
            "the certificate may not sign others (`keyCertSign` is missing)",
        ));
    }
    Ok(())
}

fn read_if_there(path: &Path) -> Result<Option<String>, ProxyError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProxyError::File(path.to_owned(), error)),
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), ProxyError> {
    let failed = |error| ProxyError::File(path.to_owned(), error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_runs_out() {
        let (authority, _) = CertificateAuthority::make(&Clock::system()).unwrap();
        let years = Duration::from_secs(20 * 366 * 24 * 60 * 60);
        let later = Clock::from_fn(move || Clock::system().now() + years);
        let earlier = Clock::from_fn(move || Clock::system().now() - years);
        assert!(authority.check_validity(&Clock::system()).is_ok());
        for (clock, reason) in [(later, "has expired"), (earlier, "is not valid yet")] {
            let error = authority.check_validity(&clock).unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
    }
}
