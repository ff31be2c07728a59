//! Who shows no token leaves a summary in the journal, not a record for each try.

use std::time::Duration;

use serde_json::json;

use super::rig::{self, HOST, PLAIN};
use crate::support::agent::exchange;
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn many_refusals_of_one_source_are_one_record() {
    let upstream = Upstream::start(&[HOST]).await;
    let mut gateway = rig::start(&upstream).await;
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n");
    let whole = format!("GET http://{PLAIN}/ HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n");
    for (request, status) in [
        (connect.as_str(), 407),
        (connect.as_str(), 407),
        (whole.as_str(), 407),
        ("nonsense\r\n\r\n", 400),
    ] {
        let mut socket = gateway.agent.connect().await;
        assert_eq!(exchange(&mut socket, request).await.status, status);
    }
    gateway.stop(Duration::from_secs(20)).await.unwrap();
    let changed = gateway.summaries(1).await;
    assert_eq!(changed.len(), 1, "{changed:#?}");
    let summary = &changed[0];
    assert_eq!(
        (
            &summary["what"],
            &summary["source"],
            &summary["refusals"],
            &summary["codes"]
        ),
        (
            &json!("unauthenticated.refused"),
            &json!("127.0.0.1"),
            &json!(4),
            &json!({ "bad_request": 1, "proxy_authentication_required": 3 })
        )
    );
    let shown = Shell::at(&gateway.path(""))
        .play("tollgate audit tail\ntollgate audit verify")
        .await;
    assert!(
        shown.contains("127.0.0.1  summary   4 times  unauthenticated.refused"),
        "{shown}"
    );
}
