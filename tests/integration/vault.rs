//! The vault from outside: what is sealed opens with its key as it was, or not at all.

mod export;
mod key;
mod keyring;
mod kv;
mod origins;
mod tamper;

use std::collections::BTreeMap;

use tollgate::model::credential::{Binding, CredentialId};
use tollgate::model::secret::Secret;
use tollgate::vault::{CredentialDraft, MasterKey, Opener, SealError, Sealer};

pub(crate) const SECRET: &str = "ghp_0123456789abcdef";

pub(crate) fn master(byte: u8) -> MasterKey {
    MasterKey::from_secret("a test", &Secret::new(vec![byte; 32])).unwrap()
}

pub(crate) fn draft(id: &str) -> CredentialDraft {
    CredentialDraft {
        id: CredentialId::parse(id).unwrap(),
        connector: "github".to_owned(),
        scheme: "basic".to_owned(),
        placement: r#"1{"put":{}}"#.to_owned(),
        public_fields: BTreeMap::from([("email".to_owned(), "ada@acme.test".to_owned())]),
        secret_fields: BTreeMap::from([("token".to_owned(), Secret::from(SECRET.to_owned()))]),
        origins: BTreeMap::new(),
        binding: Binding {
            hosts: vec!["api.github.com:443".to_owned()],
            path: "/".to_owned(),
            urls: vec!["https://github.com/login/oauth/access_token".to_owned()],
            agents: vec!["devops".to_owned()],
        },
        agent_owned: false,
        created_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

#[test]
fn opens_what_was_sealed() {
    let sealed = Sealer::new(&master(1))
        .seal(draft("gh"), &mut rand::rng())
        .unwrap();
    let fields = Opener::new(&master(1)).open(&sealed).unwrap();
    let fields: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        fields,
        [
            ("email", b"ada@acme.test".as_slice()),
            ("token", SECRET.as_bytes())
        ]
    );
    assert!(
        !sealed
            .sealed
            .windows(8)
            .any(|window| SECRET.as_bytes().starts_with(window))
    );
}

#[test]
fn seals_the_same_secret_differently_each_time() {
    let sealer = Sealer::new(&master(1));
    let one = sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
    let other = sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
    assert_ne!(one.sealed, other.sealed);
    assert_ne!(one.sealed[..12], other.sealed[..12]);
}

#[test]
fn brings_the_binding_into_one_spelling() {
    let mut loose = draft("gh");
    loose.binding.hosts = [
        "Uploads.GitHub.com.",
        "api.github.com:443",
        "uploads.github.com:443",
        "[2001:DB8::1]:8443",
    ]
    .map(str::to_owned)
    .to_vec();
    loose.binding.path = "/%7Eada/".to_owned();
    let sealed = Sealer::new(&master(1))
        .seal(loose, &mut rand::rng())
        .unwrap();
    assert_eq!(
        sealed.binding.hosts,
        [
            "[2001:db8::1]:8443",
            "api.github.com:443",
            "uploads.github.com:443"
        ]
    );
    assert_eq!(sealed.binding.path, "/~ada/");
}

#[test]
fn refuses_fields_that_cannot_be_kept() {
    let check = |secret: &[u8], expected: &str| {
        let mut draft = draft("gh");
        draft
            .secret_fields
            .insert("token".to_owned(), Secret::new(secret.to_vec()));
        let error = Sealer::new(&master(1))
            .seal(draft, &mut rand::rng())
            .unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(b"1234567", "field `token` is shorter than 8 bytes");
    check(b"", "field `token` is shorter than 8 bytes");
    check(
        b"0123456789\n",
        "field `token` begins or ends with white space",
    );
    check(
        b" 0123456789",
        "field `token` begins or ends with white space",
    );
    check(b"01234\x0056789", "field `token` holds a control character");
    check(b"0123456789\x1b", "field `token` holds a control character");
    check(b"01234567\xff", "field `token` is not UTF-8");
}

#[test]
fn keeps_keys_of_several_lines() {
    let mut draft = draft("gh");
    let key = "-----BEGIN KEY-----\nMIIB\n-----END KEY-----";
    draft
        .secret_fields
        .insert("token".to_owned(), Secret::from(key.to_owned()));
    let sealed = Sealer::new(&master(1))
        .seal(draft, &mut rand::rng())
        .unwrap();
    assert_eq!(
        Opener::new(&master(1)).open(&sealed).unwrap()["token"].expose(),
        key.as_bytes()
    );
}

#[test]
fn refuses_bindings_that_are_not_exact() {
    let check = |edit: fn(&mut CredentialDraft), expected: &str| {
        let mut draft = draft("gh");
        edit(&mut draft);
        let error = Sealer::new(&master(1))
            .seal(draft, &mut rand::rng())
            .unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        |draft| draft.binding.hosts.clear(),
        "the credential is bound to no host",
    );
    check(
        |draft| draft.binding.hosts = vec!["*.github.com".to_owned()],
        "the binding's `*.github.com` is not a host: labels are 1 to 63 letters, digits, `-` or `_`",
    );
    check(
        |draft| draft.binding.path = "/a/../b".to_owned(),
        "the binding's path `/a/../b` is not one: servers read it in several ways",
    );
    check(
        |draft| draft.binding.path = "a".to_owned(),
        "the binding's path `a` is not one: the path does not start with `/`",
    );
    check(
        |draft| draft.binding.agents = vec!["Dev Ops".to_owned()],
        "the binding's `Dev Ops` is not an agent name: it is `[a-z0-9-]+`, at most 64 long",
    );
}

#[test]
fn an_agent_owned_credential_keeps_no_secret() {
    let owned = || CredentialDraft {
        agent_owned: true,
        ..draft("gh")
    };
    let error = Sealer::new(&master(1))
        .seal(owned(), &mut rand::rng())
        .unwrap_err();
    assert_eq!(
        error,
        SealError::NotOurs {
            field: "token".to_owned()
        }
    );
    let empty = CredentialDraft {
        secret_fields: BTreeMap::new(),
        public_fields: BTreeMap::new(),
        ..owned()
    };
    let mut sealed = Sealer::new(&master(1))
        .seal(empty, &mut rand::rng())
        .unwrap();
    assert!(Opener::new(&master(1)).open(&sealed).unwrap().is_empty());
    sealed.agent_owned = false;
    assert!(Opener::new(&master(1)).open(&sealed).is_err());
}

#[test]
fn a_field_is_either_public_or_secret() {
    let mut draft = draft("gh");
    draft
        .public_fields
        .insert("token".to_owned(), "shown".to_owned());
    let error = Sealer::new(&master(1))
        .seal(draft, &mut rand::rng())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `token` is given both as secret and as public"
    );
}
