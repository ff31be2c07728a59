//! Exports: the credentials of one vault in another, or nothing at all.

use tollgate::model::secret::Secret;
use tollgate::vault::{ExportError, Opener, Rebinder, Sealer, import};

use super::{SECRET, draft, master};

fn passphrase(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

#[test]
fn what_is_exported_is_imported_as_it_was_under_another_master_key() {
    let sealer = Sealer::new(&master(1));
    let credentials = ["one", "two"].map(|id| sealer.seal(draft(id), &mut rand::rng()).unwrap());
    let text = Rebinder::new(&master(1))
        .export(
            credentials.iter().cloned().map(|one| (one, None)).collect(),
            &passphrase("correct horse"),
            &mut rand::rng(),
        )
        .unwrap();
    assert!(!text.contains(SECRET) && !text.contains("github"), "{text}");
    let drafts = import(&text, &passphrase("correct horse")).unwrap();
    let other = Sealer::new(&master(2));
    for (imported, before) in drafts.into_iter().zip(&credentials) {
        let sealed = other.seal(imported.draft, &mut rand::rng()).unwrap();
        assert_eq!(sealed.id, before.id);
        assert_eq!(sealed.binding, before.binding);
        assert_eq!(sealed.placement, before.placement);
        let fields = Opener::new(&master(2)).open(&sealed).unwrap();
        assert_eq!(fields["token"].expose(), SECRET.as_bytes());
    }
}

#[test]
fn another_passphrase_or_one_flipped_bit_opens_nothing() {
    let sealed = Sealer::new(&master(1))
        .seal(draft("one"), &mut rand::rng())
        .unwrap();
    let rebinder = Rebinder::new(&master(1));
    let text = rebinder
        .export(
            vec![(sealed.clone(), None)],
            &passphrase("correct horse"),
            &mut rand::rng(),
        )
        .unwrap();
    let closed = |text: &str, typed: &str| {
        matches!(import(text, &passphrase(typed)), Err(ExportError::Closed))
    };
    assert!(closed(&text, "battery staple"));
    let at = text.find("\"sealed\": \"").unwrap() + 30;
    let mut flipped = text.clone().into_bytes();
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    assert!(closed(
        &String::from_utf8(flipped).unwrap(),
        "correct horse"
    ));
    let form = import("{}", &passphrase("correct horse"));
    assert!(matches!(form, Err(ExportError::Form)));
    let other = Rebinder::new(&master(2)).export(
        vec![(sealed, None)],
        &passphrase("correct horse"),
        &mut rand::rng(),
    );
    assert!(matches!(other, Err(ExportError::Tampered(_))));
}
