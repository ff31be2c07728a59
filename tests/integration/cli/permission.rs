//! `permission`: set, listed with those of files, exported as a policy file, removed; a wrong one is not kept.

use super::assert_shown;
use crate::support::gateway::Builder;
use crate::support::tollgate::Shell;

const FILE: &str = "permissions:
  - { agents: [ci], allow: [github.issue.get] }
policies:
  - { id: no-deletion, actions: [github.repo.delete], decision: deny }
";

#[tokio::test]
async fn permissions_are_set_listed_exported_and_removed() {
    let gateway = Builder::with_github().policy("team", FILE).start().await;
    let shell = Shell::at(&gateway.path(""));
    let shown = shell
        .play(
            "tollgate permission set --agent ci --connector jira --access read_only
             tollgate permission set --agent ci --connector jira --access supervised
             tollgate --json permission set --agent default --allow 'jira.issue.comment.*' --deny jira.issue.delete --where 'params.issue_key.startsWith(\"OPS-\")'
             tollgate permission list
             tollgate --json permission list
             tollgate permission export
             tollgate permission remove 1
             tollgate --json permission remove 2
             tollgate permission list",
        )
        .await;
    assert_shown("permission", &shown);
}

#[tokio::test]
async fn a_permission_that_the_gateway_would_refuse_is_not_kept() {
    let gateway = Builder::with_github().policy("team", FILE).start().await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate permission set --agent nobody --connector jira --access full
             tollgate permission set --agent ci --connector jyra --access full
             tollgate permission set --agent ci --connector jira --access rw
             tollgate permission set --agent ci --connector jira
             tollgate permission set --agent ci
             tollgate permission set --agent ci --allow jira.isue.get
             tollgate permission set --agent ci --allow jira.issue.get --where 'params.isue == 1'
             tollgate permission set --agent ci --allow jira.issue.get --where '['
             tollgate permission set --agent ci --connector jira --access full --credential nothing
             tollgate permission remove 9
             tollgate permission remove x
             tollgate permission list",
        )
        .await;
    assert_shown("permission_refused", &shown);
}

#[tokio::test]
async fn the_seed_product_s_spelling_sets_a_permission_too() {
    let gateway = Builder::with_github()
        .agent("devops", "tga_devops_0123456789abcdef0123", "{}")
        .start()
        .await;
    let shown = Shell::at(&gateway.path(""))
        .play(
            "tollgate permissions set --gateway devops --connector jira --permission allow_all
             tollgate permissions set --gateway devops --connector github --permission read_only
             tollgate permissions list",
        )
        .await;
    assert_shown("permission_seed", &shown);
}

#[tokio::test]
async fn what_is_exported_is_a_policy_file_that_means_the_same() {
    let gateway = Builder::with_github().start().await;
    let shell = Shell::at(&gateway.path(""));
    shell
        .play(
            "tollgate permission set --agent ci --connector github --access read_only
             tollgate permission set --agent ci --allow github.issue.create --where 'params.title.contains(\": {}\\\\ #\")'",
        )
        .await;
    let done = shell.run(&["permission", "export"], "").await;
    let other = Builder::with_github()
        .policy("exported", &String::from_utf8(done.stdout).unwrap())
        .start()
        .await;
    let shown = Shell::at(&other.path(""))
        .play("tollgate check\ntollgate permission list")
        .await;
    assert_shown("permission_exported", &shown);
}

#[tokio::test]
async fn a_list_is_printed_to_its_end_however_many_parts_it_comes_in() {
    let rule = "  - { agents: [default], allow: [github.issue.get] }\n";
    let shell = Shell::new()
        .file("tollgate.yaml", "policies: [policies.d]\ndata_dir: state\n")
        .file(
            "policies.d/many.yaml",
            format!("permissions:\n{}", rule.repeat(1003)),
        );
    shell.json("--json agent add one").await;
    let listed = shell.json("--json permission list").await;
    assert!(listed["permissions"].as_array().unwrap().len() >= 1003);
}
