//! Names of actions: what rules make of paths, ids and titles, and what holds for all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tollgate::model::action::ActionName;

use super::{openapi, routes};

/// Writes a description with these operations.
fn description(operations: &[(String, String, Option<String>)]) -> String {
    let mut paths: BTreeMap<&str, BTreeMap<String, serde_json::Value>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (method, path, id) in operations {
        if !order.contains(&path.as_str()) {
            order.push(path);
        }
        let mut operation = serde_json::json!({ "responses": {} });
        if let Some(id) = id {
            operation["operationId"] = serde_json::json!(id);
        }
        paths
            .entry(path)
            .or_default()
            .insert(method.to_lowercase(), operation);
    }
    let paths: serde_json::Map<String, serde_json::Value> = order
        .iter()
        .map(|path| ((*path).to_owned(), serde_json::json!(paths[path])))
        .collect();
    serde_json::json!({ "openapi": "3.0.0", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }], "paths": paths }).to_string()
}

fn named(operations: &[(&str, &str, &str)]) -> Vec<String> {
    let operations: Vec<(String, String, Option<String>)> = operations
        .iter()
        .map(|(method, path, id)| {
            (
                (*method).to_owned(),
                (*path).to_owned(),
                (!id.is_empty()).then(|| (*id).to_owned()),
            )
        })
        .collect();
    let drafted: BTreeMap<String, String> = routes(&openapi(&description(&operations)))
        .into_iter()
        .map(|(action, matches)| (shape(&matches), action))
        .collect();
    operations
        .iter()
        .map(|(method, path, _)| drafted[&shape(&format!("{method} {path}"))].clone())
        .collect()
}

fn shape(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .filter(|c| {
            inside = (inside || *c == '{') && *c != '}';
            !inside
        })
        .collect()
}

#[test]
fn names_say_resource_and_verb() {
    for (method, path, id, wanted) in [
        ("GET", "/v1/foo/bar", "", "foo.bar.get"),
        ("POST", "/v1/foo/bars", "v1_foo_bar_post", "foo.bar.create"),
        (
            "GET",
            "/api/v2/projects/{id}/issues",
            "",
            "project.issue.list",
        ),
        ("GET", "/rest/api/3/issue/{key}", "getIssue", "issue.get"),
        (
            "POST",
            "/rest/api/3/search",
            "searchForIssues",
            "issue.search",
        ),
        (
            "POST",
            "/charges/{id}/capture",
            "PostChargesChargeCapture",
            "charge.capture",
        ),
        (
            "POST",
            "/customers/{id}",
            "PostCustomersCustomer",
            "customer.update",
        ),
        ("PUT", "/pulls/{n}/merge", "pulls/merge", "pull.merge"),
        (
            "GET",
            "/pulls/{n}/merge",
            "pulls/check-if-merged",
            "pull.merge.check",
        ),
        ("PUT", "/issues/{n}/lock", "issues/lock", "issue.lock"),
        (
            "DELETE",
            "/issues/{n}/lock",
            "issues/unlock",
            "issue.unlock",
        ),
        ("POST", "/runs/{id}/force-cancel", "", "run.force_cancel"),
        (
            "POST",
            "/runs/{id}/rerun-failed-jobs",
            "re-run-failed-jobs",
            "run.failed_job.rerun",
        ),
        (
            "GET",
            "/search/issues",
            "search/issues-and-pull-requests",
            "issue.search",
        ),
        ("POST", "/chat.postMessage", "", "chat.message.create"),
        (
            "POST",
            "/chat.postMessage",
            "chat_sendMessage",
            "chat.message.create",
        ),
        ("GET", "/conversations.list", "", "conversation.list"),
        // What is called is done, also where that is asked for by `GET`.
        ("GET", "/auth.revoke", "auth_revoke", "auth.revoke"),
        ("GET", "/auth.test", "auth_test", "auth.test"),
        ("POST", "/calls.end", "", "call.end"),
        ("GET", "/boards/{id}/lists", "", "board.list.list"),
        (
            "POST",
            "/v1/projects/{p}/secrets/{s}:addVersion",
            "",
            "project.secret.version.add",
        ),
        ("POST", "/v1/keys/{k}:frobnicate", "", "key.frobnicate.run"),
        ("POST", "/files/delete_v2", "files-delete_v2", "file.delete"),
        (
            "POST",
            "/attestations/bulk-list",
            "",
            "attestation.bulk_list",
        ),
        ("GET", "/users/{id}.json", "", "user.get"),
        ("HEAD", "/things/{id}", "", "thing.check"),
        ("GET", "/", "meta/root", "root.get"),
        ("POST", "/v1/search", "post-search", "content.search"),
        ("GET", "/rest/search", "", "content.search"),
        ("POST", "/carts/{id}/check-out", "", "cart.checkout"),
        ("POST", "/checkout", "", "checkout.create"),
        ("POST", "/releases/{id}/roll-back", "", "release.rollback"),
        ("GET", "/foo/api/v2/bars", "", "foo.bar.list"),
        ("GET", "/foo/rest/1.0/bars", "", "foo.bar.list"),
        ("POST", "/logout", "", "session.logout"),
        (
            "GET",
            "/gateways/apis/{id}",
            "",
            "gateway.api_definition.get",
        ),
        ("POST", "/2/lists", "listIdCreate", "list.create"),
        ("POST", "/auth/login", "", "auth.login"),
        (
            "GET",
            "/rbac.authorization.k8s.io/v1/roles",
            "",
            "rbac.role.list",
        ),
        (
            "DELETE",
            "/api/v1/pods",
            "deleteCollectionPod",
            "pod.delete",
        ),
        // `change` stands in front of a noun here, and is what is done there.
        (
            "DELETE",
            "/change_request_policies/{slug}",
            "change-request-policies-delete",
            "change_request_policy.delete",
        ),
        ("POST", "/change_requests", "", "change_request.create"),
        ("POST", "/user/change-password", "", "user.password.update"),
    ] {
        assert_eq!(
            named(&[(method, path, id)]),
            [wanted],
            "{method} {path} {id}"
        );
    }
}

#[test]
fn names_look_at_the_paths_around_them() {
    let both = [
        ("GET", "/user", ""),
        ("GET", "/users/{u}", ""),
        ("GET", "/user/repos", ""),
        ("GET", "/users/{u}/repos", ""),
        ("GET", "/user/{id}/x", ""),
    ];
    assert_eq!(
        named(&both),
        [
            "me.get",
            "user.get",
            "me.repo.list",
            "user.repo.list",
            "user.x.get"
        ]
    );
    let put = [("PUT", "/a/{id}", ""), ("PATCH", "/a/{id}", "")];
    assert_eq!(named(&put), ["a.replace", "a.update"]);
    let many = [
        ("PATCH", "/files", "updateFiles"),
        ("PATCH", "/files/{id}", "updateFile"),
        ("DELETE", "/files", ""),
        ("DELETE", "/files/{id}", ""),
    ];
    assert_eq!(
        named(&many),
        [
            "file.bulk_update",
            "file.update",
            "file.clear",
            "file.delete"
        ]
    );
    let slash = [
        ("GET", "/services/", "getServices"),
        ("GET", "/services/{name}", "showService"),
    ];
    assert_eq!(named(&slash), ["service.list", "service.get"]);
    let singular = [
        ("GET", "/dashboard", "getAllDashboards"),
        ("GET", "/dashboard/{id}", "getDashboard"),
    ];
    assert_eq!(named(&singular), ["dashboard.list", "dashboard.get"]);
}

#[test]
fn one_thing_at_several_versions_is_one_action() {
    let operations = [
        ("DELETE", "/apis/apps/v1/deployments/{n}", "a"),
        ("DELETE", "/apis/apps/v1beta1/deployments/{n}", "b"),
        ("DELETE", "/apis/batch/v1/deployments/{n}", "c"),
    ];
    assert_eq!(
        named(&operations),
        [
            "app.deployment.delete",
            "app.deployment.delete",
            "batch.deployment.delete"
        ]
    );
}

#[test]
fn what_would_be_called_the_same_is_told_apart_by_what_else_it_says() {
    let operations = [
        ("GET", "/gists/{id}/{sha}", "gists/get-revision"),
        ("GET", "/gists/{id}", "gists/get"),
    ];
    assert_eq!(named(&operations), ["gist.revision.get", "gist.get"]);
    let nameless = [("GET", "/a/{x}/{y}", ""), ("GET", "/a/{x}", "")];
    assert_eq!(named(&nameless), ["a.by_y.get", "a.get"]);
}

fn operation() -> impl Strategy<Value = (String, String, Option<String>)> {
    let literal = prop::sample::select(vec![
        "users", "user", "v1", "v2", "api", "repos", "issues", "merge", "lock", "search", "teams",
        "delete", "status", "a.b", "x-y", "Zed", "ünï", "keys", "unknown", "tunnel", "open", "t",
        "x",
    ]);
    let segment = prop_oneof![3 => literal.prop_map(str::to_owned), 1 => "[a-z]{1,3}".prop_map(|name| format!("{{{name}}}"))];
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]);
    let id = prop::option::of(prop_oneof![
        "[a-z]{1,6}[A-Z][a-z]{1,6}",
        "(get|list|create|delete|add|lock|remove)(User|Repos|Issue|All)?",
        ".{0,12}"
    ]);
    (method, prop::collection::vec(segment, 1..6), id).prop_map(|(method, segments, id)| {
        (method.to_owned(), format!("/{}", segments.join("/")), id)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_operation_has_one_valid_name_whatever_the_order(operations in prop::collection::vec(operation(), 1..14), turn in 0_usize..14) {
        let mut seen = BTreeSet::new();
        let operations: Vec<_> = operations.into_iter().filter(|(method, path, _)| seen.insert(format!("{method} {}", shape(path)))).collect();
        let drafted = routes(&openapi(&description(&operations)));
        prop_assert_eq!(drafted.len(), operations.len());
        for (action, _) in &drafted {
            prop_assert!(ActionName::parse(&format!("x.{action}")).is_ok(), "{}", action);
            prop_assert!(action != "unknown" && action != "tunnel.open" && !action.starts_with("x."), "{}", action);
        }
        let mut turned = operations.clone();
        turned.rotate_left(turn % operations.len());
        let again = routes(&openapi(&description(&turned)));
        let sorted = |mut routes: Vec<(String, String)>| { routes.sort(); routes };
        prop_assert_eq!(sorted(drafted.clone()), sorted(again));
        // Two operations share a name only where nothing but the version differs.
        let mut by_name: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (action, matches) in &drafted {
            let version = |text: &&str| matches!(*text, "v1" | "v2");
            let versionless: Vec<&str> = matches.split('/').filter(|text| !version(text)).collect();
            by_name.entry(action).or_default().insert(shape(&versionless.join("/")));
        }
        for (action, shapes) in by_name {
            prop_assert_eq!(shapes.len(), 1, "{}: {:?}", action, shapes);
        }
    }
}

#[test]
fn the_documented_verbs_are_those_that_names_end_in() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors.d/IMPORT.md");
    let page = std::fs::read_to_string(file).unwrap();
    let rows = page.lines().filter(|line| {
        line.starts_with("| ") && line.contains("**")
            || line.starts_with("| as the")
            || line.starts_with("| looks")
    });
    let mut documented: Vec<String> = rows
        .filter_map(|row| row.split('|').nth(2))
        .flat_map(|cell| cell.split(','))
        .map(|words| words.replace([' ', ']'], ""))
        .flat_map(|words| words.split('[').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    documented.sort();
    let mut known: Vec<String> = tollgate::import::verbs().map(str::to_owned).collect();
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn what_is_sent_as_an_upload_is_the_same_action() {
    let text = super::written(tollgate::import::Format::Discovery, "library.json");
    let wanted = |(_, matches): &(String, String)| {
        matches.starts_with("POST /shelves/{shelf}/books?")
            || matches.ends_with("/books") && matches.starts_with("POST")
    };
    let found: Vec<String> = routes(&text)
        .into_iter()
        .filter(wanted)
        .map(|(action, _)| action)
        .collect();
    assert_eq!(found, ["shelf.book.create", "shelf.book.create"]);
}
