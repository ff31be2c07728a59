//! Secrets that the vault does not keep itself: read where they lie, again when they change, and nothing when they cannot be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tollgate::model::credential::{SealedCredential, SecretOrigin};
use tollgate::vault::{CredentialDraft, OpenError, Opener, Sealer, SourceAccess};

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

/// Reads again what has changed; returns whether a credential has another secret now.
fn refresh(opener: &Opener) -> bool {
    opener.origins().refresh();
    !opener.origins().take_changed().is_empty()
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
    assert!(!refresh(&opener), "nothing has changed");
    replace(&path, "the-second-secret");
    assert!(refresh(&opener));
    assert_eq!(opened(&opener, &credential).unwrap(), "the-second-secret");
    fs::remove_file(&path).unwrap();
    assert!(refresh(&opener));
    let error = opened(&opener, &credential).unwrap_err().to_string();
    assert!(
        error.contains("credential `elsewhere` cannot be read"),
        "{error}"
    );
    assert!(
        !error.contains("secret\n") && !error.contains("the-second"),
        "{error}"
    );
    assert!(!refresh(&opener), "it is told once");
    replace(&path, "the-third-secret");
    assert!(refresh(&opener));
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
    assert!(!refresh(&opener), "its output holds for a while");
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

#[test]
fn pipes_devices_and_huge_files_are_neither_waited_for_nor_read() {
    let place = tempfile::tempdir().unwrap();
    let (pipe, huge) = (place.path().join("pipe"), place.path().join("huge"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let file = fs::File::create(&huge).unwrap();
    file.set_len(1 << 40).unwrap();
    for (path, reason) in [
        (pipe.as_path(), "it is not a regular file"),
        (Path::new("/dev/zero"), "it is not a regular file"),
        (place.path(), "it is not a regular file"),
        (huge.as_path(), "it has more than 65536 bytes"),
    ] {
        let credential = sealed(&format!("file:{}", path.display()));
        let error = opened(&Opener::new(&master(1)), &credential).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn in_the_background_no_origin_waits_for_a_slow_one() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    fs::write(&path, "the-first-secret").unwrap();
    let named = |id: &str, origin: &str| {
        let origin = SecretOrigin::parse(origin).unwrap();
        let draft = CredentialDraft {
            secret_fields: BTreeMap::new(),
            origins: BTreeMap::from([("token".to_owned(), origin)]),
            ..draft(id)
        };
        Sealer::new(&master(1))
            .seal(draft, &mut rand::rng())
            .unwrap()
    };
    let (slow, quick) = (
        named("slow", "command:sleep 5"),
        named("quick", &format!("file:{}", path.display())),
    );
    let opener = Opener::new(&master(1));
    opener.origins().read_in_background(SourceAccess::default());
    for credential in [&slow, &quick, &slow] {
        let error = opened(&opener, credential).unwrap_err();
        assert_eq!(error, OpenError::Unread(credential.id.to_string()));
    }
    opener.origins().changed().await;
    let changed: Vec<String> = opener
        .origins()
        .take_changed()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changed, ["quick"]);
    assert_eq!(opened(&opener, &quick).unwrap(), "the-first-secret");
    assert!(opened(&opener, &slow).is_err());
    replace(&path, "the-second-secret");
    opener.origins().refresh();
    opener.origins().changed().await;
    assert_eq!(opened(&opener, &quick).unwrap(), "the-second-secret");
}

#[test]
fn earlier_secrets_stay_known_also_when_the_file_is_gone_or_nobody_uses_it() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("token");
    let credential = sealed(&format!("file:{}", path.display()));
    let opener = Opener::new(&master(1));
    assert!(!opener.known(&credential)[0].contains_key("token"));
    for secret in ["the-first-secret", "the-second-secret"] {
        replace(&path, secret);
        opener.origins().refresh();
        assert_eq!(opened(&opener, &credential).unwrap(), secret);
    }
    let known = || -> Vec<String> {
        let known = opener.known(&credential);
        let tokens = known.iter().map(|fields| fields["token"].expose().to_vec());
        tokens
            .map(|token| String::from_utf8(token).unwrap())
            .collect()
    };
    let both = ["the-second-secret", "the-first-secret"];
    assert_eq!(known(), both);
    fs::remove_file(&path).unwrap();
    assert!(refresh(&opener));
    assert!(opened(&opener, &credential).is_err());
    assert_eq!(known(), both);
    replace(&path, "the-third-secret");
    assert!(refresh(&opener));
    opener.origins().retain(|_| false);
    replace(&path, "the-fourth-secret");
    assert!(!refresh(&opener), "it is not read for nobody");
    assert_eq!(known().len(), 3);
    assert_eq!(known()[0], "the-third-secret");
}
