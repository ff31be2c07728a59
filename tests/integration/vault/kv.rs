//! Secrets in HashiCorp Vault and in variables of the gateway: fresh, whole, or none at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate::egress::{Egress, EgressRules, SystemLookup};
use tollgate::model::credential::{SealedCredential, SecretOrigin};
use tollgate::model::target::Authority;
use tollgate::outbound::{Outbound, Roots};
use tollgate::vault::{CredentialDraft, Opener, Sealer, SourceAccess, SourceNetwork};

use super::{draft, master};
use crate::support::gateway::Builder;
use crate::support::kv_server::{KvServer, Seal};
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const TOKEN: &str = "hvs.the-token-for-vault";
const LIMIT: Duration = Duration::from_secs(20);

/// A server, and a vault that reads there as a gateway does.
struct Rig {
    server: KvServer,
    opener: Opener,
    place: tempfile::TempDir,
}

impl Rig {
    async fn start() -> Self {
        Self::within(None, LIMIT).await
    }

    async fn within(namespace: Option<&str>, time: Duration) -> Self {
        let server = KvServer::start("vault.test", TOKEN, namespace).await;
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let roots = place.path().join("roots.pem");
        std::fs::write(&roots, &server.ca_pem).unwrap();
        let authority = Authority::parse("vault.test:8200", 443).unwrap();
        let rules = EgressRules {
            resolve: BTreeMap::from([(authority, vec![server.address])]),
            ..EgressRules::default()
        };
        let opener = Opener::new(&master(1));
        opener.origins().read_in_background(SourceAccess {
            variables: BTreeMap::from([
                ("VAULT_TOKEN".to_owned(), TOKEN.to_owned()),
                ("STRIPE_KEY".to_owned(), "sk_of-the-variable".to_owned()),
                ("SHORT".to_owned(), "short".to_owned()),
            ]),
            network: Some(SourceNetwork {
                outbound: Outbound::new(Roots::read(&roots).unwrap()).within(time),
                egress: Arc::new(Egress::new(rules, Arc::new(SystemLookup::new()))),
                runtime: tokio::runtime::Handle::current(),
            }),
        });
        Self {
            server,
            opener,
            place,
        }
    }

    /// Seals a credential whose fields lie in Vault: each a name and options of its source.
    fn kv(&self, fields: &[(&str, &str)]) -> SealedCredential {
        let token = self.place.path().join("token");
        let origin = |options: &str| {
            let token = token.display();
            format!("vault_kv:https://vault.test:8200 mount=team/kv token=file:{token} {options}")
        };
        let fields = fields.iter();
        sealed(fields.map(|(name, options)| (*name, origin(options))))
    }

    /// Returns the fields `key` and `token`, or why there are none.
    fn open(&self, credential: &SealedCredential) -> Result<[Option<String>; 2], String> {
        let fields = self.opener.open(credential);
        let fields = fields.map_err(|error| error.to_string())?;
        let text = |name| {
            let secret = fields.get(name)?;
            Some(String::from_utf8(secret.expose().to_vec()).unwrap())
        };
        Ok([text("key"), text("token")])
    }

    /// Opens it once it was read.
    async fn read(&self, credential: &SealedCredential) -> Result<[Option<String>; 2], String> {
        let error = self.open(credential).unwrap_err();
        assert!(error.contains("was not read yet"), "{error}");
        self.changed().await;
        self.open(credential)
    }

    async fn changed(&self) {
        let changes = async {
            while self.opener.origins().take_changed().is_empty() {
                self.opener.origins().changed().await;
            }
        };
        tokio::time::timeout(LIMIT, changes).await.unwrap();
    }

    /// Lets it be so many seconds later, for a moment.
    fn after(&self, seconds: u64) {
        let moment = Instant::now() + Duration::from_secs(seconds);
        self.opener.origins().refresh_at(moment);
    }
}

fn sealed<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> SealedCredential {
    let origins = fields.map(|(name, origin)| {
        let origin = SecretOrigin::parse(&origin).unwrap();
        (name.to_owned(), origin)
    });
    let draft = CredentialDraft {
        secret_fields: BTreeMap::new(),
        origins: origins.collect(),
        ..draft("elsewhere")
    };
    Sealer::new(&master(1))
        .seal(draft, &mut rand::rng())
        .unwrap()
}

fn both(key: &str, token: &str) -> Result<[Option<String>; 2], String> {
    Ok([Some(key.to_owned()), Some(token.to_owned())])
}

const BOTH: [(&str, &str); 2] = [
    ("key", "path=aws/ci field=id"),
    ("token", "path=aws/ci field=secret"),
];

#[tokio::test(flavor = "multi_thread")]
async fn two_fields_come_from_one_answer_and_again_before_their_time_ends() {
    let rig = Rig::start().await;
    rig.server.put(
        "aws/ci",
        json!({ "id": "AKIA-first", "secret": "first-\"secret\"" }),
    );
    let credential = rig.kv(&BOTH);
    let opened = rig.read(&credential).await;
    assert_eq!(opened, both("AKIA-first", "first-\"secret\""));
    let asked = rig.server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["x-vault-token"], TOKEN);
    assert_eq!(asked[0]["x-vault-request"], "true");
    assert!(!asked[0].contains_key("x-vault-namespace"));
    rig.server.put(
        "aws/ci",
        json!({ "id": "AKIA-second", "secret": "second-secret" }),
    );
    rig.after(200);
    assert_eq!(rig.server.asked().len(), 1, "it holds for five minutes");
    rig.after(280);
    rig.changed().await;
    assert_eq!(rig.open(&credential), both("AKIA-second", "second-secret"));
    assert_eq!(rig.server.asked().len(), 2);
    let known = rig.opener.known(&credential);
    let is_known = |secret: &str| {
        let mut fields = known.iter().flat_map(|fields| fields.values());
        fields.any(|field| field.expose() == secret.as_bytes())
    };
    assert!(is_known("first-\"secret\"") && is_known("second-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vault_refuses_opens_nothing_and_is_told_without_a_secret() {
    for (options, reason) in [
        (
            "path=none field=secret",
            "no such secret, or it is deleted (404)",
        ),
        (
            "path=gone field=secret",
            "no such secret, or it is deleted (404)",
        ),
        ("path=aws/ci field=other", "has no field `other`"),
        (
            "path=aws/ci field=number",
            "`number` of the secret in Vault is not a text",
        ),
        ("path=aws/ci field=short", "it is too short for a secret"),
        (
            "path=aws/ci field=secret namespace=other",
            "refuses the token",
        ),
    ] {
        let rig = Rig::start().await;
        let fields =
            json!({ "secret": "the-hidden-secret", "number": 12_345_678, "short": "tiny7" });
        rig.server.put("aws/ci", fields);
        rig.server
            .put("gone", json!({ "secret": "the-hidden-secret" }));
        rig.server.delete("gone");
        let error = rig.read(&rig.kv(&[("token", options)])).await.unwrap_err();
        assert!(error.contains(reason), "{options}: {error}");
        for hidden in [TOKEN, "the-hidden", "12345678", "tiny7"] {
            assert!(!error.contains(hidden), "{options}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_vault_refuses_is_read_again_with_the_next_try() {
    let rig = Rig::within(Some("team/a"), LIMIT).await;
    rig.server
        .put("aws/ci", json!({ "secret": "the-right-secret" }));
    let file = rig.place.path().join("token");
    std::fs::write(&file, "hvs.another-token").unwrap();
    let credential = rig.kv(&[("token", "path=aws/ci field=secret namespace=team/a")]);
    let error = rig.read(&credential).await.unwrap_err();
    assert!(error.contains("(403)"), "{error}");
    assert!(!error.contains("hvs."), "{error}");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, TOKEN).unwrap();
    rig.after(11);
    rig.changed().await;
    let opened = rig.open(&credential).unwrap();
    assert_eq!(opened[1].as_deref(), Some("the-right-secret"));
    let asked = rig.server.asked();
    assert_eq!(asked.last().unwrap()["x-vault-namespace"], "team/a");
    let by_variable = "vault_kv:https://vault.test:8200 mount=team/kv path=aws/ci field=secret namespace=team/a token=env:VAULT_TOKEN";
    let credential = sealed([("token", by_variable.to_owned())].into_iter());
    let opened = rig.read(&credential).await.unwrap();
    assert_eq!(opened[1].as_deref(), Some("the-right-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_vault_is_sealed_a_secret_is_used_until_its_time_ends_and_no_longer() {
    let rig = Rig::start().await;
    rig.server
        .put("aws/ci", json!({ "secret": "the-first-secret" }));
    let credential = rig.kv(&[("token", "path=aws/ci field=secret")]);
    rig.read(&credential).await.unwrap();
    rig.server.set(Seal::Sealed);
    rig.after(280);
    tokio::time::timeout(LIMIT, rig.server.wait_for(2))
        .await
        .unwrap();
    let opened = rig.open(&credential).unwrap();
    assert_eq!(opened[1].as_deref(), Some("the-first-secret"));
    rig.after(300);
    rig.changed().await;
    let error = rig.open(&credential).unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
    assert!(!error.contains("the-first"), "{error}");
    rig.server
        .put("aws/ci", json!({ "secret": "the-second-secret" }));
    rig.server.set(Seal::Open);
    let again = async {
        while rig.open(&credential).is_err() {
            // Whatever was under way may still have met the seal.
            rig.after(400);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_deleted_is_used_no_more_once_that_is_seen() {
    let rig = Rig::start().await;
    rig.server
        .put("aws/ci", json!({ "secret": "the-first-secret" }));
    let credential = rig.kv(&[("token", "path=aws/ci field=secret")]);
    rig.read(&credential).await.unwrap();
    rig.server.delete("aws/ci");
    rig.after(280);
    rig.changed().await;
    let error = rig.open(&credential).unwrap_err();
    assert!(error.contains("deleted (404)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_and_a_slow_server_give_nothing() {
    for (seal, reason) in [
        (Seal::Sealed, "Vault is sealed, or not ready (503)"),
        (Seal::Holds, "does not answer in time"),
    ] {
        let rig = Rig::within(None, Duration::from_secs(2)).await;
        rig.server
            .put("aws/ci", json!({ "secret": "the-first-secret" }));
        rig.server.set(seal);
        let credential = rig.kv(&[("token", "path=aws/ci field=secret")]);
        let error = rig.read(&credential).await.unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_is_asked_under_the_rules_of_egress() {
    let rig = Rig::start().await;
    let origin = format!(
        "vault_kv:https://{} mount=team/kv path=aws/ci field=secret token=env:VAULT_TOKEN",
        rig.server.address
    );
    let credential = sealed([("token", origin)].into_iter());
    let error = rig.read(&credential).await.unwrap_err();
    assert!(error.contains("is not an address"), "{error}");
    assert!(rig.server.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_the_gateway_is_a_secret_and_a_missing_or_short_one_none() {
    let rig = Rig::start().await;
    let of = |name: &str| sealed([("token", format!("env:{name}"))].into_iter());
    let opened = rig.read(&of("STRIPE_KEY")).await.unwrap();
    assert_eq!(opened[1].as_deref(), Some("sk_of-the-variable"));
    for (name, reason) in [
        ("NONE", "has no variable `NONE`"),
        ("SHORT", "it is too short for a secret"),
    ] {
        let error = rig.read(&of(name)).await.unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    // A command has another environment than the gateway.
    let error = Opener::new(&master(1)).open(&of("PATH")).unwrap_err();
    assert!(error.to_string().contains("no variable `PATH`"), "{error}");
}

const CONNECTOR: &str = "
name: Test API
version: 1
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes: [{ action: item.get, match: 'GET /items/{item}', risk: low }]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_signs_in_with_what_lies_in_vault_or_a_variable_and_not_without() {
    let upstream = Upstream::start(&["one.test", "two.test", "three.test"]).await;
    let server = KvServer::start("vault.test", TOKEN, None).await;
    server.put("one", json!({ "key": "the-secret-of-vault" }));
    let named = "address: 'https://vault.test:8200', mount: team/kv, field: key, token: { file: secrets/vault }";
    let declared = ["one", "two"].map(|id| {
        format!("  - {{ id: {id}, connector: {id}, host: {id}.test, fields: {{ token: {{ vault_kv: {{ path: {id}, {named} }} }} }} }}")
    });
    let mut builder = Builder::new()
        .secret("secrets/vault", TOKEN)
        .env("THREE_KEY", "the-secret-of-a-variable")
        .trust(&server.ca_pem)
        .resolve("vault.test:8200", &[server.address])
        .trust(&upstream.ca_pem)
        .settings(&format!("credentials:\n{}", declared.join("\n")))
        .policy("all", "permissions: [{ agents: [ci], connector: one, access: full }, { agents: [ci], connector: two, access: full }, { agents: [ci], connector: three, access: full }]");
    for id in ["one", "two", "three"] {
        let text = format!("connector: {id}\ndomains: [{id}.test]{CONNECTOR}");
        builder = builder
            .connector(id, &text)
            .resolve(&format!("{id}.test:443"), &[upstream.address]);
    }
    let gateway = builder.start().await;
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate credential add three --source token=env:THREE_KEY\ntollgate --json credential list")
        .await;
    assert!(shown.contains("is kept"), "{shown}");
    let client = gateway.agent.http1();
    for (id, secret) in [
        ("one", Some("the-secret-of-vault")),
        ("two", None),
        ("three", Some("the-secret-of-a-variable")),
    ] {
        let before = upstream.received().len();
        let answer = client.get(format!("https://{id}.test/items/1"));
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let received = upstream.received();
        match secret {
            Some(secret) => {
                assert_eq!(status, 200, "{id}: {text}");
                let sent = received.last().unwrap().header("authorization");
                assert_eq!(sent, Some(&*format!("Bearer {secret}")));
            }
            None => {
                assert!(text.contains("credential_unhealthy"), "{status} {text}");
                assert_eq!(received.len(), before);
            }
        }
        assert!(
            !text.contains(TOKEN) && !shown.contains("the-secret"),
            "{text}"
        );
    }
}
