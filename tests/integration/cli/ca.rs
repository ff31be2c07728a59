//! `ca`: the certificate that agents must trust.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn the_certificate_is_the_one_that_the_gateway_signs_with() {
    let gateway = Builder::new().start().await;
    let shell = Shell::at(&gateway.path(""));
    let done = shell.run(&["ca"], "").await;
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        gateway.agent.ca_pem
    );
    let document = shell.json("--json ca").await;
    assert_eq!(document["certificate"], gateway.agent.ca_pem.as_str());
}

#[tokio::test]
async fn without_a_first_start_there_is_none() {
    let shown = Shell::new().play("tollgate ca\ntollgate --json ca").await;
    assert_shown("ca_missing", &shown);
}
