//! `credential add --oauth`: a person signs in, and the credential works; whatever else comes to the loopback address is no answer.

use std::process::Stdio;

use crate::support::gateway::{Builder, Gateway};
use crate::support::token_server::{FIRST_REFRESH, SECRET, TokenServer};
use crate::support::tollgate::{Served, Shell};
use crate::support::upstream::Upstream;

fn connector(grant: &str) -> String {
    format!(
        "
connector: api
name: Test API
version: 1
domains: [api.test]
auth:
  - id: person
    fields: [{{ name: client_id, secret: false }}, client_secret, refresh_token]
    oauth2: {{ grant: {grant}, token_url: 'https://auth.test/token', authorize_url: 'https://auth.test/authorize', device_url: 'https://auth.test/device', scopes: [read] }}
  - {{ id: plain, fields: [token], bearer: '{{token}}' }}
routes: [{{ action: item.get, match: 'GET /items/{{item}}', risk: low }}]
"
    )
}

struct Rig {
    api: Upstream,
    tokens: TokenServer,
    gateway: Gateway,
    shell: Shell,
}

async fn rig(grant: &str) -> Rig {
    let (api, tokens) = (
        Upstream::start(&["api.test"]).await,
        TokenServer::start("auth.test").await,
    );
    let gateway = Builder::new()
        .connector("api", &connector(grant))
        .policy(
            "api",
            "permissions: [{ agents: [ci], connector: api, access: full }]",
        )
        .secret("secrets/person", &format!("client-1\n{SECRET}\n"))
        .upstream("api.test:443", &api)
        .trust(&tokens.ca_pem)
        .resolve("auth.test:443", &[tokens.address])
        .start()
        .await;
    let shell = Shell::at(gateway.path("").as_path());
    Rig {
        api,
        tokens,
        gateway,
        shell,
    }
}

impl Rig {
    fn add(&self) -> Served {
        let args = [
            "credential",
            "add",
            "api",
            "--oauth",
            "--from-file",
            "secrets/person",
        ];
        Served::of(
            self.shell
                .command(&args)
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    async fn assert_signed_in(&self, adding: Served) {
        let (code, told) = adding.ended().await;
        assert_eq!(code, Some(0), "{told}");
        let credentials = self.gateway.store().await.credentials().await.unwrap();
        let urls = ["authorize", "device", "token"].map(|path| format!("https://auth.test/{path}"));
        assert_eq!(credentials[0].binding.urls, urls);
        assert!(
            !told.contains("refresh-token") && !told.contains(SECRET),
            "{told}"
        );
        let client = self.gateway.agent.http1();
        let answer = client.get("https://api.test/items/1").send().await.unwrap();
        assert_eq!(
            answer.status().as_u16(),
            200,
            "{}",
            answer.text().await.unwrap()
        );
        let carried = self.api.only();
        assert_eq!(
            carried.header("authorization"),
            Some("Bearer access-token-0002")
        );
    }
}

/// Returns what follows `sign in at `.
fn link(told: &str) -> String {
    let (_, link) = told.split_once("sign in at ").unwrap();
    link.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_browser_brings_back_a_code_that_only_this_command_can_redeem() {
    let rig = rig("authorization_code").await;
    let mut adding = rig.add();
    adding.wait_for("code_challenge=").await;
    adding.wait_for("scope=read").await;
    let back = rig.tokens.sign_in(&link(&adding.told()));
    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    let (callback, query) = back.split_once('?').unwrap();
    let (code, state) = query.split_once('&').unwrap();
    // Others on this machine may call, and pages may make a browser call.
    for foreign in [
        callback.to_owned(),
        format!("{callback}?{code}"),
        format!("{callback}?{code}&state=0000"),
        format!("{callback}?{code}&{state}x"),
        format!("{callback}?{code}&{code}&{state}"),
        format!("{callback}?error=access_denied&state=0000"),
        back.replace("/callback", "/other"),
    ] {
        assert_eq!(
            browser.get(&foreign).send().await.unwrap().status(),
            404,
            "{foreign}"
        );
    }
    assert!(rig.tokens.asked().is_empty());
    assert_eq!(browser.get(&back).send().await.unwrap().status(), 200);
    rig.assert_signed_in(adding).await;
}

#[tokio::test]
async fn a_person_who_declines_leaves_no_credential() {
    let rig = rig("authorization_code").await;
    let mut adding = rig.add();
    adding.wait_for("scope=read").await;
    let back = rig.tokens.sign_in(&link(&adding.told()));
    let declined = back.replace("code=code%2D0001", "error=access_denied");
    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    browser.get(&declined).send().await.unwrap();
    let (code, told) = adding.ended().await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("access_denied"), "{told}");
    let store = rig.gateway.store().await;
    assert!(store.credentials().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_code_is_typed_on_another_device() {
    let rig = rig("device_code").await;
    let adding = rig.add();
    rig.assert_signed_in(adding).await;
    let asked = rig.tokens.asked();
    let pending = asked.iter().filter(|asked| asked.refused).count();
    assert_eq!((asked.len(), pending), (5, 2), "{asked:?}");
}

#[tokio::test]
async fn nobody_signs_in_for_a_scheme_that_has_no_such_way() {
    let rig = rig("authorization_code").await;
    let done = rig
        .shell
        .run(
            &["credential", "add", "api", "--scheme", "plain", "--oauth"],
            "",
        )
        .await;
    assert_eq!(done.status.code(), Some(2));
}

#[tokio::test]
async fn a_credential_is_bound_to_the_endpoint_that_an_operator_has_reviewed() {
    let rig = rig("authorization_code").await;
    let fields = format!("client-1\n{SECRET}\n{FIRST_REFRESH}\n");
    let done = rig.shell.run(&["credential", "add", "api"], &fields).await;
    assert!(done.status.success(), "{done:?}");
    let moved = connector("authorization_code").replace("auth.test/token'", "auth.test/moved'");
    rig.gateway.write("connectors.d/api.yaml", &moved).await;
    let done = rig.shell.run(&["credential", "rebind", "api"], "").await;
    assert!(done.status.success(), "{done:?}");
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(
        told.contains("minted as oauth2 at https://auth.test/moved"),
        "{told}"
    );
    let credentials = rig.gateway.store().await.credentials().await.unwrap();
    assert!(
        credentials[0]
            .binding
            .urls
            .contains(&"https://auth.test/moved".to_owned())
    );
}
