//! Secrets that the vault does not keep itself: read where they lie, again when they change, and nothing when they cannot be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tollgate::model::credential::{SealedCredential, SecretOrigin};
use tollgate::vault::{CredentialDraft, OpenError, Opener, Sealer};

use super::{draft, master};

fn sealed(origin: &str) -> SealedCredential {
    let draft = CredentialDraft {
        secret_fields: BTreeMap::new(),
        origins: BTreeMap::from([("token".to_owned(), SecretOrigin::parse(origin).unwrap())]),
        ..draft("elsewhere")
    };
    Sealer::new(&master(1))
        .seal(draft, &mut rand::rng())
        .unwrap()
}

fn opened(opener: &Opener, credential: &SealedCredential) -> Result<String, OpenError> {
    let fields = opener.open(credential)?;
    Ok(String::from_utf8(fields["token"].expose().to_vec()).unwrap())
}

/// Replaces a file as tools that rotate secrets do.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, path).unwrap();
}

#[test]
fn a_file_is_read_again_when_it_changes_and_fails_closed_while_it_is_not_there() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    fs::write(&path, "the-first-secret\n").unwrap();
    let credential = sealed(&format!("file:{}", path.display()));
    let opener = Opener::new(&master(1));
    assert_eq!(opened(&opener, &credential).unwrap(), "the-first-secret");
    assert!(!opener.origins().refresh(), "nothing has changed");
    replace(&path, "the-second-secret");
    assert!(opener.origins().refresh());
    assert_eq!(opened(&opener, &credential).unwrap(), "the-second-secret");
    fs::remove_file(&path).unwrap();
    assert!(opener.origins().refresh());
    let error = opened(&opener, &credential).unwrap_err().to_string();
    assert!(
        error.contains("credential `elsewhere` cannot be read"),
        "{error}"
    );
    assert!(
        !error.contains("secret\n") && !error.contains("the-second"),
        "{error}"
    );
    assert!(!opener.origins().refresh(), "it is told once");
    replace(&path, "the-third-secret");
    assert!(opener.origins().refresh());
    assert_eq!(opened(&opener, &credential).unwrap(), "the-third-secret");
}

#[test]
fn what_is_no_secret_opens_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    let credential = sealed(&format!("file:{}", path.display()));
    for text in [
        "",
        "short",
        "with\u{0}control",
        " padded-secret ",
        "\u{1}{\"file\":\"/etc/shadow\"}",
    ] {
        fs::write(&path, text).unwrap();
        let error = opened(&Opener::new(&master(1)), &credential).unwrap_err();
        assert!(
            matches!(error, OpenError::Unreadable { .. }),
            "{text:?}: {error}"
        );
    }
    fs::write(&path, [0xff; 12]).unwrap();
    assert!(opened(&Opener::new(&master(1)), &credential).is_err());
}

#[test]
fn a_command_gives_its_output_and_a_failing_one_nothing() {
    let opener = Opener::new(&master(1));
    let credential = sealed("command:printf the-secret-of-a-command");
    assert_eq!(
        opened(&opener, &credential).unwrap(),
        "the-secret-of-a-command"
    );
    assert!(!opener.origins().refresh(), "its output holds for a while");
    for command in ["false", "/nonexistent/program", "printf short"] {
        let error = opened(&opener, &sealed(&format!("command:{command}"))).unwrap_err();
        assert!(
            matches!(error, OpenError::Unreadable { .. }),
            "{command}: {error}"
        );
    }
}

#[test]
fn the_origin_is_sealed_and_a_secret_cannot_name_one() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    fs::write(&path, "the-first-secret").unwrap();
    let credential = sealed(&format!("file:{}", path.display()));
    let shown = format!("{:?}", credential.sealed);
    assert!(!shown.contains("token"), "{shown}");
    let text = SecretOrigin::parse("file:/etc/passwd")
        .unwrap()
        .sealed_text();
    let posing = CredentialDraft {
        secret_fields: BTreeMap::from([("token".to_owned(), text.into())]),
        ..draft("posing")
    };
    assert!(
        Sealer::new(&master(1))
            .seal(posing, &mut rand::rng())
            .is_err()
    );
}
