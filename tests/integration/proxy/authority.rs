//! The certificate authority and the roots: what is made, what is loaded, and what is wrong with it.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tollgate::model::clock::Clock;
use tollgate::proxy::{CertificateAuthority, Listener, ProxyError, merge_roots};

fn text(error: &ProxyError) -> String {
    let source = error
        .source()
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn makes_an_authority_once_and_loads_it_again() {
    let directory = tempfile::tempdir().unwrap();
    let made = CertificateAuthority::load_or_make(directory.path(), &Clock::system()).unwrap();
    let again = CertificateAuthority::load_or_make(directory.path(), &Clock::system()).unwrap();
    assert_eq!(made.certificate_pem(), again.certificate_pem());
    let mode = fs::metadata(directory.path().join("ca.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn does_not_replace_a_lost_key() {
    let directory = tempfile::tempdir().unwrap();
    CertificateAuthority::load_or_make(directory.path(), &Clock::system()).unwrap();
    fs::remove_file(directory.path().join("ca.key")).unwrap();
    let error = CertificateAuthority::load_or_make(directory.path(), &Clock::system()).unwrap_err();
    let file = directory.path().join("ca.key").display().to_string();
    assert_eq!(
        text(&error),
        format!("the certificate authority cannot be used: `{file}` is missing")
    );
}

#[test]
fn says_what_is_wrong_with_an_authority() {
    let (one, key) = CertificateAuthority::make(&Clock::system()).unwrap();
    let (_, other) = CertificateAuthority::make(&Clock::system()).unwrap();
    let pem = one.certificate_pem();
    let cut = &pem[..pem.len() / 2];
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, reason) in [
        (pem, other.as_str(), "the key is not the certificate's"),
        (pem, "nonsense", "the key is not a PEM private key"),
        ("", key.as_str(), "the certificate file has no certificate"),
        (cut, key.as_str(), "the certificate is not PEM"),
        (garbage, key.as_str(), "the certificate cannot be read"),
    ] {
        let error = CertificateAuthority::load(certificate, key).unwrap_err();
        assert_eq!(
            text(&error),
            format!("the certificate authority cannot be used: {reason}")
        );
    }
}

#[test]
fn merges_roots_and_names_a_bad_file() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("roots.pem");
    let (authority, key) = CertificateAuthority::make(&Clock::system()).unwrap();
    let file = directory.path().join("mine.pem");
    fs::write(&file, authority.certificate_pem()).unwrap();
    assert!(merge_roots(&[&file], &target).unwrap() >= 1);
    assert!(
        fs::read_to_string(&target)
            .unwrap()
            .contains("BEGIN CERTIFICATE")
    );

    let shown = file.display();
    for (content, reason) in [
        (key.as_str(), "has no certificate"),
        ("nothing", "has no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "has a certificate that cannot be read",
        ),
    ] {
        fs::write(&file, content).unwrap();
        let error = merge_roots(&[&file], &target).unwrap_err();
        assert_eq!(
            text(&error),
            format!("no usable root certificates: `{shown}`: {reason}")
        );
    }
    let missing = directory.path().join("missing.pem");
    let error = merge_roots(&[&missing], &target).unwrap_err();
    assert!(text(&error).starts_with(&format!(
        "cannot use the file `{}`: No such file",
        missing.display()
    )));
}

#[tokio::test]
async fn names_an_address_that_is_in_use() {
    let first = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = first.address().unwrap().to_string();
    let error = Listener::bind(&address).await.unwrap_err();
    assert!(
        text(&error).starts_with(&format!("cannot listen on `{address}`: ")),
        "{}",
        text(&error)
    );
}

#[tokio::test]
async fn takes_the_place_of_a_dead_socket_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("proxy.sock");
    let address = format!("unix:{}", path.display());
    let living = Listener::bind(&address).await.unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    assert!(Listener::bind(&address).await.is_err());
    drop(living);
    Listener::bind(&address).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    assert!(Listener::bind(&address).await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
