//! Records through the admin API: found by filters, page by page, streamed without a gap, and verified.

use http::Method;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};

/// Adds agents, so that there are records.
async fn change(gateway: &Gateway, names: &[&str]) {
    for name in names {
        let new = json!({ "name": name });
        let (status, _) = gateway.admin(Method::POST, "/api/v1/agents", &new).await;
        assert_eq!(status, 201);
    }
}

#[tokio::test]
async fn records_are_found_page_by_page_and_the_journal_verifies() {
    let gateway = Builder::new().start().await;
    change(&gateway, &["a", "b", "c"]).await;
    let mut subjects = Vec::new();
    let mut path = "/api/v1/records?limit=1&text=agent.add".to_owned();
    loop {
        let (status, page) = gateway.admin(Method::GET, &path, &Json::Null).await;
        assert_eq!(status, 200, "{page}");
        let records = page["records"].as_array().unwrap();
        subjects.extend(records.iter().map(|record| record["subject"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/records?limit=1&text=agent.add&cursor={next}");
    }
    assert_eq!(subjects, ["c", "b", "a"].map(Json::from));
    for (query, field) in [
        ("decision=maybe", "decision"),
        ("risk=none", "risk"),
        ("since=yesterday", "since"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("agnet=ci", "agnet"),
    ] {
        let path = format!("/api/v1/records?{query}");
        let (status, problem) = gateway.admin(Method::GET, &path, &Json::Null).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
    let (status, verified) = gateway
        .admin(Method::POST, "/api/v1/journal/verify", &Json::Null)
        .await;
    assert_eq!((status, &verified["finding"]), (200, &Json::Null));
    assert!(verified["lines"].as_u64() >= Some(3), "{verified}");
}

/// Reads events of a stream until there are so many; returns number and subject of each.
async fn events(gateway: &Gateway, last: Option<u64>, count: usize) -> Vec<(u64, String)> {
    let token = std::fs::read_to_string(gateway.path("state/operator.token")).unwrap();
    let address = gateway.serving().addresses().admin[0];
    let url = format!("http://{address}/api/v1/records/stream?text=agent.add");
    let request = reqwest::Client::builder().build().unwrap().get(url);
    let mut request = request.bearer_auth(token.trim());
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("data:").count() < count || !text.ends_with("\n\n") {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), answer.chunk());
        let chunk = chunk.await.expect("no event comes").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    blocks
        .map(|block| {
            let record: Json = serde_json::from_str(&field(block, "data:")).unwrap();
            let seq = field(block, "id:").parse().unwrap();
            assert_eq!(record["seq"], seq);
            (seq, record["subject"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_that_was_received() {
    let gateway = Builder::new().start().await;
    change(&gateway, &["a", "b"]).await;
    let all = events(&gateway, Some(0), 2).await;
    let subjects = |events: &[(u64, String)]| -> Vec<String> {
        events.iter().map(|(_, subject)| subject.clone()).collect()
    };
    assert_eq!(subjects(&all), ["a", "b"]);
    let (live, ()) = tokio::join!(
        events(&gateway, Some(all[0].0), 2),
        change(&gateway, &["c"])
    );
    assert_eq!(subjects(&live), ["b", "c"]);
    assert_eq!(live[0].0, all[1].0);
}

#[tokio::test]
async fn a_stream_of_a_removed_operator_ends() {
    let gateway = Builder::new().start().await;
    let new = json!({ "name": "ada", "role": "viewer" });
    let (_, added) = gateway.admin(Method::POST, "/api/v1/operators", &new).await;
    let address = gateway.serving().addresses().admin[0];
    let url = format!("http://{address}/api/v1/records/stream");
    let request = reqwest::Client::builder().build().unwrap().get(url);
    let request = request.bearer_auth(added["token"].as_str().unwrap());
    let mut answer = request.send().await.unwrap();
    let removed = gateway
        .admin(Method::DELETE, "/api/v1/operators/ada", &Json::Null)
        .await;
    assert_eq!(removed.0, 200);
    let ended = async { while answer.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended)
        .await
        .expect("the stream goes on");
}

#[tokio::test]
async fn a_removed_operator_receives_nothing_more_not_even_what_waited() {
    let gateway = Builder::new().start().await;
    let new = json!({ "name": "ada", "role": "viewer" });
    let (_, added) = gateway.admin(Method::POST, "/api/v1/operators", &new).await;
    let address = gateway.serving().addresses().admin[0];
    let url = format!("http://{address}/api/v1/records/stream?text=agent.add");
    let request = reqwest::Client::builder().build().unwrap().get(url);
    let request = request.bearer_auth(added["token"].as_str().unwrap());
    let mut answer = request.send().await.unwrap();
    change(&gateway, &["before"]).await;
    let mut text = String::new();
    while !text.contains("before") {
        let chunk = answer.chunk().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let path = "/api/v1/operators/ada";
    assert_eq!(
        gateway.admin(Method::DELETE, path, &Json::Null).await.0,
        200
    );
    change(&gateway, &["after"]).await;
    let rest = async {
        while let Some(chunk) = answer.chunk().await.unwrap() {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    let time_limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(time_limit, rest)
        .await
        .expect("the stream goes on");
    assert!(!text.contains("after"), "{text}");
}

#[tokio::test]
async fn a_stream_begins_behind_any_number() {
    let gateway = Builder::new().start().await;
    let names: Vec<String> = (0..12).map(|number| format!("agent-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    change(&gateway, &names).await;
    let all = events(&gateway, Some(0), 12).await;
    for at in [1, 5, 10] {
        let rest = events(&gateway, Some(all[at].0), 11 - at).await;
        assert_eq!(rest, all[at + 1..], "behind {at}");
    }
}

#[tokio::test]
async fn a_verification_is_followed_and_finds_what_was_cut_off() {
    let gateway = Builder::new().start().await;
    change(&gateway, &["a", "b"]).await;
    let path = "/api/v1/journal/verify";
    let start = json!({ "wait": false });
    let (status, begun) = gateway.admin(Method::POST, path, &start).await;
    assert_eq!(status, 202, "{begun}");
    let done = async {
        loop {
            let (_, now) = gateway.admin(Method::GET, path, &Json::Null).await;
            if now["running"] == json!(false) {
                return now;
            }
        }
    };
    let time_limit = std::time::Duration::from_secs(20);
    let now = tokio::time::timeout(time_limit, done).await.unwrap();
    assert_eq!(now["result"]["finding"], Json::Null, "{now}");
    assert_eq!(now["result"]["lines"], now["lines"]);
    // The store knows of a line that the journal no longer has.
    let store = gateway.store().await;
    let head = format!("{} {}", 9_999, "0".repeat(64));
    store.put_meta("journal.head", &head).await.unwrap();
    let (_, found) = gateway.admin(Method::POST, path, &Json::Null).await;
    assert!(found["finding"].is_object(), "{found}");
}

#[tokio::test]
async fn settings_are_shown_with_their_source_and_without_secrets() {
    let gateway = Builder::new()
        .settings("limits: { body: 2MiB }")
        .start()
        .await;
    let (status, config) = gateway
        .admin(Method::GET, "/api/v1/config", &Json::Null)
        .await;
    assert_eq!(status, 200, "{config}");
    let settings = config["settings"].as_array().unwrap();
    let of = |key: &str| {
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap()
    };
    assert_eq!(of("limits.body")["value"], "2MiB");
    assert_eq!(of("limits.body")["source"], config["file"]);
    assert_eq!(of("limits.idle")["source"], "default");
    let token = std::fs::read_to_string(gateway.path("state/operator.token")).unwrap();
    assert!(!config.to_string().contains(token.trim()));
}
