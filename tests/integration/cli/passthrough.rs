//! `tls: passthrough`: nothing can be put on there, so no credential may be bound there.

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const MIXED: &str = "
connector: api
name: API
version: 1
domains: [api.test, { host: pinned.test, tls: passthrough }]
auth: [{ id: token, fields: [token], bearer: '{token}' }]
routes: [{ action: item.get, match: 'GET /items/{item}', risk: low }]
";

const POLICY: &str = "permissions: [{ agents: [ci], connector: api, access: full }]";

#[tokio::test]
async fn a_credential_cannot_be_added_for_a_host_that_is_passed_through() {
    let gateway = Builder::new()
        .connector("api", MIXED)
        .policy("api", POLICY)
        .start()
        .await;
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate credential add api --host pinned.test <<< a-secret-of-length")
        .await;
    assert!(
        shown.contains("`pinned.test:443` is passed through") && shown.contains("[exit 1]"),
        "{shown}"
    );
    assert_eq!(gateway.store().await.credentials().await.unwrap(), []);
}

#[tokio::test]
async fn a_declared_credential_for_a_host_that_is_passed_through_is_a_load_error() {
    let started = Builder::new()
        .connector("api", MIXED)
        .policy("api", POLICY)
        .credential("api", "pinned.test", ("token", "a-secret-of-length"))
        .try_start()
        .await;
    let told = started.unwrap_err();
    assert!(told.contains("passthrough-credential"), "{told}");
}

#[tokio::test]
async fn a_file_that_passes_a_host_with_a_stored_credential_through_is_not_taken_over() {
    let gateway = Builder::new()
        .connector("api", &MIXED.replace(", tls: passthrough", ""))
        .policy("api", POLICY)
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let done = shell
        .run(
            &["credential", "add", "api", "--host", "pinned.test"],
            "a-secret-of-length\n",
        )
        .await;
    assert!(done.status.success(), "{done:?}");
    gateway.followed().await;
    gateway.write("connectors.d/api.yaml", MIXED).await;
    let told = shell.play("tollgate status\ntollgate check").await;
    assert!(
        told.contains(
            "error[passthrough-credential]: connector `api` passes `pinned.test:443` through"
        ),
        "{told}"
    );
    assert!(told.contains("FAILED"), "{told}");
}

#[tokio::test]
async fn schemes_of_a_connector_that_is_passed_through_whole_are_a_load_error() {
    let shell = Shell::new().file(
        "connectors.d/api.yaml",
        MIXED.replace(
            "domains: [api.test, { host: pinned.test, tls: passthrough }]",
            "tls: passthrough\ndomains: [api.test]",
        ),
    );
    let told = shell.play("tollgate check .").await;
    assert!(told.contains("error[passthrough-auth]"), "{told}");
}
