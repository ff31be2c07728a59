//! Signs with private keys in PEM and with shared secrets, by `ring`: the one cryptography that the binary has.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RsaEncoding, RsaKeyPair,
};
use ring::{digest, hmac};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::MintError;

const UNREADABLE: MintError = MintError::Key("is not PEM of PKCS#8 or PKCS#1");
const UNFIT: MintError = MintError::Key("does not fit its algorithm");

/// How a token is signed (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Algorithm {
    /// A shared secret, HMAC with SHA-256.
    HS256,
    /// A shared secret, HMAC with SHA-384.
    HS384,
    /// A shared secret, HMAC with SHA-512.
    HS512,
    /// An RSA key, RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// An RSA key, RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// An RSA key, RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// A key of Edwards curve 25519.
    EdDSA,
}

/// Shortest shared secret, as long as the hash (RFC 7518 section 3.2).
fn shortest(algorithm: hmac::Algorithm) -> usize {
    let digest: &digest::Algorithm = algorithm.digest_algorithm();
    digest.output_len()
}

/// Signs a message. A key in PEM may have `\n` for its line breaks, as files in JSON have them.
pub(super) fn sign(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, MintError> {
    match algorithm {
        Algorithm::HS256 => shared(hmac::HMAC_SHA256, key, message),
        Algorithm::HS384 => shared(hmac::HMAC_SHA384, key, message),
        Algorithm::HS512 => shared(hmac::HMAC_SHA512, key, message),
        Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256, key, message),
        Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384, key, message),
        Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512, key, message),
        Algorithm::ES256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, key, message),
        Algorithm::ES384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, key, message),
        Algorithm::EdDSA => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(read(key)?.secret_der());
            let key = key.map_err(|_| UNFIT)?;
            Ok(key.sign(message).as_ref().to_vec())
        }
    }
}

fn shared(algorithm: hmac::Algorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>, MintError> {
    if key.len() < shortest(algorithm) {
        return Err(MintError::Key("is shorter than its hash"));
    }
    let key = hmac::Key::new(algorithm, key);
    Ok(hmac::sign(&key, message).as_ref().to_vec())
}

fn rsa(
    padding: &'static dyn RsaEncoding,
    key: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, MintError> {
    let pair = match read(key)? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(UNFIT),
    };
    let pair = pair.map_err(|_| UNFIT)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| UNFIT)?;
    Ok(signature)
}

fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    key: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, MintError> {
    let random = SystemRandom::new();
    let key = read(key)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.secret_der(), &random);
    let signature = pair
        .map_err(|_| UNFIT)?
        .sign(&random, message)
        .map_err(|_| UNFIT)?;
    Ok(signature.as_ref().to_vec())
}

fn read(key: &[u8]) -> Result<PrivateKeyDer<'static>, MintError> {
    let text = std::str::from_utf8(key).map_err(|_| UNREADABLE)?;
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| UNREADABLE)
}
