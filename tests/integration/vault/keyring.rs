//! The keyring: a credential fits where it is bound to, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use tollgate::model::agent::AgentName;
use tollgate::model::credential::{
    Binding, CredentialId, MintedToken, MintedTokens, PreparedHeaders, SealedCredential, Taken,
};
use tollgate::model::secret::Secret;
use tollgate::model::target::{Authority, Path};
use tollgate::vault::{Keyring, binds};

fn credential(id: &str, hosts: &[&str], path: &str, agents: &[&str]) -> SealedCredential {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    SealedCredential {
        id: CredentialId::parse(id).unwrap(),
        connector: "jira".to_owned(),
        placement: String::from("1{}"),
        scheme: "basic".to_owned(),
        public_fields: BTreeMap::new(),
        binding: Binding {
            hosts: texts(hosts),
            path: path.to_owned(),
            urls: Vec::new(),
            agents: texts(agents),
        },
        key_version: 1,
        sealed: Vec::new(),
        agent_owned: false,
        created_at: String::new(),
        prepared: PreparedHeaders::default(),
        minted: MintedTokens::default(),
    }
}

fn fitting(ring: &Keyring, authority: &str, path: &str, agent: &str) -> Vec<String> {
    let authority = Authority::parse(authority, 443).unwrap();
    let agent = AgentName::parse(agent).unwrap();
    let found = ring.fitting("jira", &authority, &Path::parse(path).unwrap(), &agent);
    found
        .iter()
        .map(|credential| credential.id.to_string())
        .collect()
}

#[test]
fn the_host_fits_exactly_port_included() {
    let ring = Keyring::default();
    assert!(fitting(&ring, "acme.atlassian.net", "/", "devops").is_empty());
    ring.replace(vec![credential("a", &["acme.atlassian.net:443"], "/", &[])]);
    assert_eq!(fitting(&ring, "ACME.atlassian.net.", "/x", "devops"), ["a"]);
    for wrong in [
        "acme.atlassian.net:8443",
        "evil.acme.atlassian.net",
        "atlassian.net",
        "acme.atlassian.net.evil.test",
    ] {
        assert!(fitting(&ring, wrong, "/", "devops").is_empty(), "{wrong}");
    }
}

#[test]
fn the_path_fits_by_whole_segments() {
    let check = |prefix: &str, path: &str, expected: bool| {
        let ring = Keyring::default();
        ring.replace(vec![credential("a", &["h.test:443"], prefix, &[])]);
        assert_eq!(
            !fitting(&ring, "h.test", path, "devops").is_empty(),
            expected,
            "{path} below {prefix}"
        );
    };
    for prefix in ["/api", "/api/"] {
        check(prefix, "/api", true);
        check(prefix, "/api/", true);
        check(prefix, "/api/issue", true);
        check(prefix, "/%61pi/issue", true);
        check(prefix, "/apis", false);
        check(prefix, "/API/issue", false);
        check(prefix, "/other/api", false);
        check(prefix, "/", false);
    }
    // Where a connector allows such paths, a server may read them as leading elsewhere.
    for path in [
        "/api/../admin",
        "/api/%2e%2e/admin",
        "/api//..//admin",
        "/api/..;/admin",
        "/api/..%2Fadmin",
    ] {
        check("/api", path, false);
        check("/", path, true);
    }
    for path in [
        "/api/%252e%252e/admin",
        "/api/..%5Cadmin",
        "/api/..%5cadmin",
    ] {
        check("/api", path, false);
    }
    check("/api", "/api/contents/a%2Fb.txt", true);
}

#[test]
fn the_agents_fit_by_name() {
    let ring = Keyring::default();
    ring.replace(vec![
        credential("for-two", &["h.test:443"], "/", &["care", "devops"]),
        credential("for-all", &["h.test:443"], "/", &[]),
    ]);
    assert_eq!(
        fitting(&ring, "h.test", "/", "devops"),
        ["for-all", "for-two"]
    );
    assert_eq!(fitting(&ring, "h.test", "/", "other"), ["for-all"]);
}

#[test]
fn an_agents_own_credential_without_a_host_fits_everywhere() {
    let ring = Keyring::default();
    let owned = SealedCredential {
        agent_owned: true,
        ..credential("own", &[], "/", &["devops"])
    };
    ring.replace(vec![owned, credential("ours", &[], "/", &[])]);
    assert_eq!(fitting(&ring, "h.test", "/", "devops"), ["own"]);
    assert!(fitting(&ring, "h.test", "/", "other").is_empty());
}

#[test]
fn a_connectors_credentials_stay_with_it() {
    let ring = Keyring::default();
    let other = SealedCredential {
        connector: "github".to_owned(),
        ..credential("b", &["h.test:443"], "/", &[])
    };
    ring.replace(vec![other, credential("a", &["h.test:443"], "/", &[])]);
    assert_eq!(fitting(&ring, "h.test", "/", "devops"), ["a"]);
    let id = |text| CredentialId::parse(text).unwrap();
    assert_eq!(ring.get(&id("b")).unwrap().connector, "github");
    assert_eq!(ring.list().len(), 2);
    assert!(ring.has_any("jira") && ring.has_any("github") && !ring.has_any("slack"));
    ring.replace(Vec::new());
    assert!(ring.get(&id("b")).is_none());
}

#[test]
fn a_binding_is_asked_again_before_use() {
    let credential = credential("a", &["h.test:443"], "/api", &["devops"]);
    let check = |authority: &str, path: &str, agent: &str, expected: bool| {
        let authority = Authority::parse(authority, 443).unwrap();
        let agent = AgentName::parse(agent).unwrap();
        assert_eq!(
            binds(&credential, &authority, path, &agent),
            expected,
            "{authority}{path} {agent}"
        );
    };
    check("h.test", "/api/x", "devops", true);
    check("h.test:80", "/api/x", "devops", false);
    check("h.test", "/other", "devops", false);
    check("h.test", "/api/x", "care", false);
    check("h.test", "api", "devops", false);
    check("h.test", "/api/\n", "devops", false);
}

/// Mints a token as a request would.
fn mint(ring: &Keyring, id: &str) {
    let credential = ring.get(&CredentialId::parse(id).unwrap()).unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let Taken::Missing(flight, _) = credential.minted.take("", now) else {
        panic!("{id} has a token already");
    };
    let secret = Secret::from(format!("the-token-of-{id}"));
    let fields = BTreeMap::from([("token".to_owned(), secret)]);
    let token = MintedToken::new(fields, now, None);
    credential.minted.finish(flight, Ok(token), now);
}

/// Returns whether requests still use the token of a credential, and how many secrets are searched for.
fn minted(ring: &Keyring, id: &str) -> (bool, usize) {
    let credential = ring.get(&CredentialId::parse(id).unwrap()).unwrap();
    let taken = credential.minted.take("", SystemTime::UNIX_EPOCH);
    let is_used = matches!(taken, Taken::Ready(_));
    (is_used, credential.minted.secrets().len())
}

#[test]
fn renewing_one_credential_leaves_the_tokens_of_all_others() {
    let ring = Keyring::default();
    ring.replace(vec![
        credential("a", &["h.test:443"], "/", &[]),
        credential("b", &["h.test:443"], "/", &[]),
    ]);
    mint(&ring, "a");
    mint(&ring, "b");
    let before = ring.generation();
    ring.renew(&BTreeSet::from([CredentialId::parse("a").unwrap()]));
    assert_ne!(ring.generation(), before);
    assert_eq!(minted(&ring, "a"), (false, 1), "it is searched for");
    assert_eq!(minted(&ring, "b"), (true, 1));
}

#[test]
fn a_row_that_was_only_sealed_again_keeps_its_token_and_another_one_does_not() {
    let ring = Keyring::default();
    let row = |seal: u8| SealedCredential {
        sealed: vec![seal],
        ..credential("a", &["h.test:443"], "/", &[])
    };
    ring.replace(vec![row(1)]);
    mint(&ring, "a");
    ring.replace_by(vec![row(2)], |_, _| true);
    assert_eq!(minted(&ring, "a"), (true, 1));
    ring.replace(vec![row(3)]);
    assert_eq!(minted(&ring, "a"), (false, 1));
}
