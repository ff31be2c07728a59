//! `status`: asks the running gateway; 1 where it is not well, 3 where there is none.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn a_gateway_that_is_well_and_one_whose_files_are_broken() {
    let gateway = Builder::with_github()
        .policy(
            "team",
            "permissions: [{ agents: [ci], connector: github, access: full }]",
        )
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let well = shell.play("tollgate status\ntollgate --json status").await;
    gateway
        .write(
            "policies.d/team.yaml",
            "permissions: [{ agents: [ci], connector: gihub, access: none }]\n",
        )
        .await;
    let broken = shell.play("tollgate status\ntollgate --json status").await;
    assert_shown("status", &format!("{well}{broken}"));
}

#[tokio::test]
async fn without_a_gateway_or_without_the_right_to_ask_it() {
    let nobody = Shell::new()
        .play("tollgate status\ntollgate --json status")
        .await;
    let gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    let wrong = Shell::at(&gateway.path(""))
        .env("TOLLGATE_OPERATOR_TOKEN", "tgo_wrong")
        .play("tollgate status")
        .await;
    std::fs::remove_file(gateway.path("state/operator.token")).unwrap();
    let lost = shell.play("tollgate status").await;
    assert_shown("status_unreached", &format!("{nobody}{wrong}{lost}"));
}

#[tokio::test]
async fn a_health_check_fails_only_where_nothing_answers() {
    let gateway = Builder::with_github()
        .policy(
            "team",
            "permissions: [{ agents: [ci], connector: github, access: full }]",
        )
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let well = shell.run(&["status", "--live"], "").await;
    assert_eq!((well.status.code(), well.stdout.len()), (Some(0), 0));
    gateway
        .write("policies.d/team.yaml", "permissions: [nonsense\n")
        .await;
    // An orchestrator must not restart a gateway that goes on with its last good files.
    assert_eq!(shell.run(&["status"], "").await.status.code(), Some(1));
    assert_eq!(
        shell.run(&["status", "--live"], "").await.status.code(),
        Some(0)
    );
    let nobody = Shell::new().run(&["status", "--live"], "").await;
    assert_eq!(nobody.status.code(), Some(3));
}
