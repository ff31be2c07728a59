//! Refusals of one agent take a bounded part of the journal, whatever it sends; each is counted, and the agent is told of each.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value as Json, json};
use tollgate::journal::{RESERVE, RefusalLimit, Refusals};
use tollgate::pipeline::record::summarize_refusals;

use super::rig::Rig;

const POLICY: &str = "
permissions: [{ agents: ['*'], connector: '*', access: full }]
policies: [{ id: never, actions: ['*'], decision: deny }]
";

fn body(refusals: &Refusals) -> Vec<Json> {
    let summaries = refusals.take();
    summaries.iter().map(|summary| json!(summary)).collect()
}

#[test]
fn what_is_over_the_budget_is_one_summary() {
    let refusals = Refusals::new(RefusalLimit {
        per_minute: 120,
        burst: 3,
    });
    let start = Instant::now();
    let admit =
        |agent, code, id, at| refusals.admit(agent, code, id, start + Duration::from_millis(at));
    let recorded: Vec<bool> = ["1", "2", "3", "4", "5"]
        .iter()
        .map(|id| admit("a", "denied", id, 0))
        .collect();
    assert_eq!(recorded, [true, true, true, false, false]);
    assert!(!admit("a", "body_too_large", "6", 400));
    // Two a second, and nothing of it is another's.
    assert!(admit("a", "denied", "7", 500));
    assert!(admit("b", "denied", "8", 500));
    let told = body(&refusals);
    assert_eq!(told.len(), 1);
    for (key, expected) in [
        ("what", json!("refusals.summarized")),
        ("agent", json!("a")),
        ("refusals", json!(3)),
        ("codes", json!({ "denied": 2, "body_too_large": 1 })),
        ("first", json!("4")),
        ("last", json!("6")),
    ] {
        assert_eq!(told[0][key], expected, "{key}");
    }
    assert!(body(&refusals).is_empty());
    // Who was quiet for long may have a burst again, and no more.
    let recorded = (0..5)
        .filter(|_| admit("a", "denied", "9", 3_600_000))
        .count();
    assert_eq!(recorded, 3);
}

#[test]
fn a_disk_that_is_nearly_full_is_left_to_what_is_allowed() {
    let refusals = Refusals::new(RefusalLimit {
        per_minute: 60,
        burst: 10,
    });
    let now = Instant::now();
    refusals.note_free(RESERVE - 1);
    assert!(!refusals.admit("a", "denied", "1", now));
    assert!(body(&refusals).is_empty());
    refusals.note_free(RESERVE);
    assert!(refusals.admit("a", "denied", "2", now));
    assert_eq!(body(&refusals)[0]["refusals"], 1);
}

#[tokio::test]
async fn a_flood_of_refusals_is_told_to_the_agent_and_not_written_down_one_by_one() {
    let rig = Rig::new(POLICY).await;
    rig.agents(&["ci", "other"]);
    for _ in 0..300 {
        let refusal = rig.ask(Method::GET, "/items/1").await.unwrap_err();
        assert_eq!(refusal.code().as_str(), "denied");
        assert!(!refusal.request_id.is_empty());
    }
    rig.send("other", Method::GET, "/items/1", "")
        .await
        .unwrap_err();
    summarize_refusals(&rig.gateway).await;
    let records = rig.records();
    let recorded = |agent: &str| {
        records
            .iter()
            .filter(|event| event["kind"] == "decided" && event["agent"] == agent)
            .count()
    };
    let summed: Vec<_> = records
        .iter()
        .filter(|event| event["what"] == "refusals.summarized")
        .collect();
    assert!(
        recorded("ci") >= 100 && recorded("ci") < 300,
        "{}",
        recorded("ci")
    );
    assert_eq!(recorded("other"), 1);
    assert_eq!(summed.len(), 1);
    assert_eq!(
        summed[0]["refusals"].as_u64().unwrap() + recorded("ci") as u64,
        300
    );
    rig.end().await;
}
