//! `policy diff` and `policy replay`: what a change of files would let agents do, by enumeration and by the journal.

use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;
use crate::support::upstream::Upstream;

const CONNECTOR: &str = "
connector: api
name: Test
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}' }
  - { action: item.delete, match: 'DELETE /items/{item}', risk: high }
";

const READ: &str = "permissions: [{ agents: ['*'], connector: api, access: read_only }]\n";
const FULL: &str = "permissions: [{ agents: ['*'], connector: api, access: full, where: 'action.path != \"/items/1\"' }]\n";

#[tokio::test]
async fn what_the_store_holds_is_on_both_sides_of_a_diff() {
    let gateway = Builder::new().connector("api", CONNECTOR).start().await;
    let shell = Shell::at(&gateway.path(""));
    shell
        .play("tollgate permission set --agent ci --connector api --access full")
        .await;
    let copy = gateway.path("copy");
    for folder in ["connectors.d", "policies.d"] {
        let (from, to) = (gateway.path(folder), copy.join(folder));
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    std::fs::copy(gateway.path("tollgate.yaml"), copy.join("tollgate.yaml")).unwrap();
    for sides in [". copy", "copy ."] {
        let shown = shell.play(&format!("tollgate policy diff {sides}")).await;
        assert!(shown.contains("no agent may do more or less"), "{shown}");
    }
}

#[tokio::test]
async fn a_diff_names_each_pair_that_changes_and_the_condition() {
    let agents = "agents: [{ name: ci }]\nconnectors: [connectors.d]\npolicies: [policies.d]\n";
    let shell = Shell::new()
        .without_config()
        .file("old/tollgate.yaml", agents)
        .file("old/connectors.d/api.yaml", CONNECTOR)
        .file("old/policies.d/all.yaml", READ)
        .file("new/tollgate.yaml", agents)
        .file("new/connectors.d/api.yaml", CONNECTOR)
        .file("new/policies.d/all.yaml", FULL);
    let same = shell.run(&["policy", "diff", "old", "old"], "").await;
    assert_eq!(
        String::from_utf8_lossy(&same.stdout),
        "no agent may do more or less\n",
        "{same:?}"
    );
    let diff = shell.json("--json policy diff old new").await;
    let delete = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["action"] == "api.item.delete")
        .unwrap();
    assert_eq!(delete["was"]["decision"], "deny");
    assert_eq!(delete["now"]["decision"], "deny");
    assert_eq!(delete["now"]["cases"][0]["decision"], "allow");
    assert_eq!(
        delete["now"]["cases"][0]["when"][0],
        "action.path != \"/items/1\""
    );
    let table = shell
        .run(&["policy", "diff", "old", "new", "--markdown"], "")
        .await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("| agent | before | after | actions |"),
        "{table}"
    );
    assert!(table.contains("api.item.delete"), "{table}");
}

#[tokio::test]
async fn a_replay_tells_what_would_newly_be_allowed_and_fails_for_it() {
    let upstream = Upstream::start(&["api.test"]).await;
    let gateway = Builder::new()
        .connector("api", CONNECTOR)
        .policy("all", READ)
        .upstream("api.test:443", &upstream)
        .start()
        .await;
    let client = gateway.agent.http1();
    for item in ["1", "2", "2"] {
        let url = format!("https://api.test/items/{item}");
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
        assert_eq!(client.delete(&url).send().await.unwrap().status(), 403);
    }
    gateway.decided(6).await;
    let shell = Shell::at(&gateway.path(""));
    std::fs::create_dir(gateway.path("candidate")).unwrap();
    std::fs::write(gateway.path("candidate/all.yaml"), FULL).unwrap();
    let same = shell.json("--json policy replay").await;
    assert_eq!(
        (&same["records"], &same["changes"]),
        (&6.into(), &serde_json::json!([]))
    );
    let args = [
        "--json",
        "policy",
        "replay",
        "--policies",
        "candidate",
        "--fail-on-newly-allowed",
    ];
    let done = shell.run(&args, "").await;
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let found: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let mut changes: Vec<String> = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{} {} {} -> {}",
                change["count"], change["actions"], change["was"], change["now"]
            )
        })
        .collect();
    changes.sort();
    assert_eq!(
        changes,
        [
            "1 \"api.item.get\" \"allow\" -> \"deny\"",
            "2 \"api.item.delete\" \"deny\" -> \"allow\""
        ]
    );
}
