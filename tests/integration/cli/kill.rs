//! `kill`: through the gateway where one runs, in the store where none does, and never for what does not exist.

use std::time::Duration;

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

#[tokio::test]
async fn halts_shows_and_lets_go_with_a_gateway_and_without() {
    let mut gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    let script = "tollgate kill status
                  tollgate kill on --agent ci --reason 'token leaked'
                  tollgate --json kill on --connector github
                  tollgate kill-switch status
                  tollgate --json kill status --agent ci
                  tollgate kill off --agent ci
                  tollgate kill off --agent ci
                  tollgate --json kill off --connector github
                  tollgate kill on
                  tollgate kill off";
    let with = shell.play(script).await;
    gateway.stop(Duration::from_secs(20)).await.unwrap();
    let without = shell.play(script).await;
    assert_shown("kill", &format!("{with}{without}"));
}

#[tokio::test]
async fn what_does_not_exist_or_is_not_allowed_is_refused() {
    let viewer = "tgo_viewer_0123456789abcdef012345";
    let mut gateway = Builder::with_github()
        .operator("vic", "viewer", viewer)
        .start()
        .await;
    let script = "tollgate kill on --agent cj
                  tollgate kill on --connector githab
                  tollgate kill on --agent ci --connector github";
    let shell = Shell::at(&gateway.path(""));
    let with = shell.play(script).await;
    let refused = Shell::at(&gateway.path(""))
        .env("TOLLGATE_OPERATOR_TOKEN", viewer)
        .play("tollgate kill on\ntollgate kill status")
        .await;
    gateway.stop(Duration::from_secs(20)).await.unwrap();
    let without = shell.play(script).await;
    let nowhere = Shell::new().play("tollgate kill on").await;
    assert_shown(
        "kill_refused",
        &format!("{with}{refused}{without}{nowhere}"),
    );
}
