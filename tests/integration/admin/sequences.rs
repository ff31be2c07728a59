//! Random sequences of changes by two operators and the command line, on names that they share: none is lost, and the journal has
//! exactly those that were made.

use std::collections::BTreeMap;

use http::Method;
use proptest::strategy::Strategy;
use serde_json::{Value as Json, json};

use crate::support::gateway::{Builder, Gateway};
use crate::support::property;
use crate::support::tollgate::Shell;

const OPERATORS: [(&str, &str); 2] = [
    ("ada", "tgo_ada_0123456789abcdef0123456789abcd"),
    ("bob", "tgo_bob_0123456789abcdef0123456789abcd"),
];

/// Names that all of them change.
const NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Debug, Clone, Copy)]
enum Act {
    AddAgent,
    RemoveAgent,
    AddToken,
    Label,
    SetPolicy,
    RemovePolicy,
    SetPermission,
}

fn acts() -> impl Strategy<Value = Vec<(Act, usize)>> {
    let act = proptest::sample::select(vec![
        Act::AddAgent,
        Act::AddAgent,
        Act::RemoveAgent,
        Act::AddToken,
        Act::Label,
        Act::SetPolicy,
        Act::RemovePolicy,
        Act::SetPermission,
    ]);
    proptest::collection::vec((act, 0..NAMES.len()), 12)
}

impl Act {
    /// Returns what the change is recorded as, and its call.
    fn call(self, name: &str) -> (&'static str, Method, String, Json) {
        let agent = format!("/api/v1/agents/{name}");
        let policy = format!("/api/v1/policies/{name}");
        match self {
            Self::AddAgent => {
                let new = json!({ "name": name });
                ("agent.add", Method::POST, "/api/v1/agents".to_owned(), new)
            }
            Self::RemoveAgent => {
                let path = format!("{agent}?cascade=true");
                ("agent.remove", Method::DELETE, path, Json::Null)
            }
            Self::AddToken => {
                let path = format!("{agent}/tokens");
                ("agent.token.add", Method::POST, path, json!({}))
            }
            Self::Label => {
                let labels = json!({ "labels": { "team": name } });
                ("agent.label", Method::PATCH, agent, labels)
            }
            Self::SetPolicy => {
                let rule = json!({ "actions": ["jira.*"], "decision": "deny" });
                ("policy.set", Method::PUT, policy, rule)
            }
            Self::RemovePolicy => ("policy.remove", Method::DELETE, policy, Json::Null),
            Self::SetPermission => {
                let rule = json!({ "agents": [name], "connector": "jira", "access": "ask" });
                let path = "/api/v1/permissions".to_owned();
                ("permission.set", Method::POST, path, rule)
            }
        }
    }
}

/// Makes the changes, and returns what each that succeeded is recorded as.
async fn make(gateway: &Gateway, token: &str, acts: Vec<(Act, usize)>) -> Vec<&'static str> {
    let mut made = Vec::new();
    for (act, name) in acts {
        let (what, method, path, body) = act.call(NAMES[name]);
        let (status, answer) = gateway.admin_as(token, method, &path, &body).await;
        match status {
            200 | 201 => made.push(what),
            404 | 409 | 422 => {}
            _ => panic!("{what} of {}: {status} {answer}", NAMES[name]),
        }
    }
    made
}

#[tokio::test]
async fn no_change_is_lost_whoever_makes_it_and_all_are_in_the_journal() {
    let gateway = OPERATORS
        .iter()
        .fold(Builder::new(), |builder, (name, token)| {
            builder.operator(name, "editor", token)
        })
        .start()
        .await;
    let shell = Shell::at(&gateway.path(""));
    let mut sequences = property::samples(&acts(), 2).into_iter();
    let mut next = || sequences.next().unwrap();
    let by_command = async {
        let mut made = 0;
        for name in [NAMES[0], "four", NAMES[1]] {
            let done = shell.run(&["--json", "agent", "add", name], "").await;
            made += usize::from(done.status.success());
        }
        made
    };
    let (ada, bob, command) = tokio::join!(
        make(&gateway, OPERATORS[0].1, next()),
        make(&gateway, OPERATORS[1].1, next()),
        by_command
    );
    let changes = gateway.changed(ada.len() + bob.len() + command).await;
    assert_eq!(changes.len(), ada.len() + bob.len() + command);
    let text = |change: &Json, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    for (operator, made) in [("ada", &ada), ("bob", &bob)] {
        let by = changes
            .iter()
            .filter(|change| change["operator"] == operator);
        let recorded: Vec<String> = by.map(|change| text(change, "what")).collect();
        assert_eq!(&recorded, made, "by {operator}, in their order");
    }
    // What the journal tells, from its first record to its last, is what is there.
    let mut agents = BTreeMap::from([("ci".to_owned(), ()), ("default".to_owned(), ())]);
    let mut policies = BTreeMap::new();
    for change in &changes {
        let subject = text(change, "subject");
        match text(change, "what").as_str() {
            "agent.add" => assert_eq!(agents.insert(subject, ()), None, "added twice"),
            "agent.remove" => assert!(agents.remove(&subject).is_some(), "removed twice"),
            "policy.set" => {
                let rule: Json = serde_json::from_str(&subject).unwrap();
                policies.insert(rule["id"].as_str().unwrap().to_owned(), ());
            }
            "policy.remove" => {
                let rule: Json = serde_json::from_str(&subject).unwrap();
                let id = rule["id"].as_str().unwrap();
                assert!(policies.remove(id).is_some(), "removed twice");
            }
            _ => {}
        }
    }
    for (path, list, key, told) in [
        ("/api/v1/agents", "agents", "name", agents),
        ("/api/v1/policies", "policies", "id", policies),
    ] {
        let (_, listed) = gateway.admin(Method::GET, path, &Json::Null).await;
        let listed = listed[list].as_array().unwrap().iter();
        let mut listed: Vec<String> = listed.map(|item| text(item, key)).collect();
        listed.sort();
        let told: Vec<String> = told.into_keys().collect();
        assert_eq!(listed, told, "{list}");
    }
}
