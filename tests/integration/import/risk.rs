//! Risks of drafted routes: a name lowers nothing but a `POST` that only looks, and the strictest of its words counts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use tollgate::config::diagnostic::Report;
use tollgate::import::{self, Format};

use super::{api, openapi, source, tried};

/// What was drafted for one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Drafted {
    risk: &'static str,
    marked: bool,
}

const RISKS: [&str; 4] = ["low", "medium", "high", "critical"];

/// Returns what was drafted, by `match`, or for GraphQL by field.
fn drafted(text: &str) -> BTreeMap<String, Drafted> {
    let document: serde_json::Value =
        tollgate::config::yaml::read(&source("x.yaml", text), &mut Report::default()).unwrap();
    let mut marks: Vec<bool> = Vec::new();
    let mut marked = false;
    for line in text.lines() {
        if line.starts_with("  # judge: ") {
            marked = true;
        } else if line.starts_with("  - action: ") {
            marks.push(std::mem::take(&mut marked));
        } else if !line.starts_with("  #") {
            marked = false;
        }
    }
    let routes = document["routes"].as_array().unwrap();
    assert_eq!(routes.len(), marks.len());
    let one = |(route, marked): (&serde_json::Value, bool)| {
        let matches = route["match"].as_str().unwrap();
        let by_method = match matches.split(' ').next().unwrap() {
            "GET" | "HEAD" | "OPTIONS" => "low",
            "DELETE" => "high",
            _ => "medium",
        };
        let stated = route["risk"].as_str().unwrap_or(by_method);
        let risk = RISKS.into_iter().find(|risk| *risk == stated).unwrap();
        let key = route["graphql"].as_str().unwrap_or(matches).to_owned();
        (key, Drafted { risk, marked })
    };
    routes.iter().zip(marks).map(one).collect()
}

/// Drafts one operation of a description.
fn one(method: &str, path: &str, id: &str, title: &str) -> Drafted {
    let mut operation = json!({ "responses": {} });
    if !id.is_empty() {
        operation["operationId"] = json!(id);
    }
    if !title.is_empty() {
        operation["summary"] = json!(title);
    }
    let method = method.to_lowercase();
    let text = openapi(
        &json!({
            "openapi": "3.0.0", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://t.example" }],
            "paths": { path: { method: operation } },
        })
        .to_string(),
    );
    tried(&text);
    drafted(&text).into_values().next().unwrap()
}

fn at_least(found: &Drafted, wanted: &str) -> bool {
    let rank = |risk: &str| RISKS.iter().position(|known| *known == risk);
    rank(found.risk) >= rank(wanted)
}

#[test]
fn a_noun_that_is_also_a_verb_that_looks_lowers_nothing() {
    for (method, path, id, title) in [
        ("POST", "/2/lists", "listIdCreate", "Create List"),
        ("POST", "/2/lists", "", ""),
        ("POST", "/2/lists", "lists", ""),
        ("PUT", "/2/lists/{id}", "listIdUpdate", "Update List"),
        ("PATCH", "/2/lists/{id}", "listPatch", ""),
        (
            "POST",
            "/2/lists/{id}/members",
            "listAddMember",
            "Add a List member",
        ),
        ("POST", "/2/lists/{id}/members", "listMembers", ""),
        ("POST", "/list/{id}/members", "listMembers", ""),
        (
            "PUT",
            "/clusters/{arn}/nodes/count",
            "UpdateBrokerCount",
            "",
        ),
        ("POST", "/views", "viewCreate", "Create a view"),
        ("POST", "/views", "view", ""),
        ("POST", "/filters", "filterCreate", ""),
        ("POST", "/filters", "filter", ""),
        ("POST", "/checks", "checkCreate", ""),
        ("POST", "/checks", "check", ""),
        ("PUT", "/polls/{id}", "pollUpdate", ""),
        ("PUT", "/search", "", "Replace search index"),
        (
            "PUT",
            "/settings/preview",
            "enablePreview",
            "Enable preview",
        ),
        ("PUT", "/settings/preview", "", ""),
        (
            "POST",
            "/messages/{id}/read",
            "markMessageRead",
            "Mark message as read",
        ),
        ("POST", "/messages/{id}/read", "", ""),
        ("PATCH", "/things/{id}", "showThing", ""),
        ("POST", "/emails/render", "renderEmail", ""),
    ] {
        let found = one(method, path, id, title);
        assert_eq!(found.risk, "medium", "{method} {path} {id} {title}");
    }
}

#[test]
fn of_a_compound_the_stricter_word_counts() {
    for (method, path, id, title, wanted) in [
        (
            "POST",
            "/carts/{id}/check-out",
            "",
            "Place the order",
            "high",
        ),
        ("POST", "/a/{id}/checkout", "", "", "high"),
        ("POST", "/a/{id}/check-in", "", "", "medium"),
        ("POST", "/a/{id}/readAndDelete", "", "", "high"),
        ("POST", "/a/{id}/getAndDelete", "", "", "high"),
        ("POST", "/a", "findOneAndDelete", "", "high"),
        ("POST", "/a/{id}/findAndModify", "", "", "medium"),
        ("POST", "/a/{id}/find-and-modify", "", "", "medium"),
        ("POST", "/a/{id}/search-and-replace", "", "", "medium"),
        ("POST", "/a/{id}/previewAndSend", "", "", "medium"),
        ("POST", "/a/{id}/find-and-frobnicate", "", "", "medium"),
        ("PUT", "/a/{id}/compareAndSwap", "", "", "medium"),
        ("POST", "/a/find-or-create", "", "", "medium"),
        ("POST", "/a", "getOrCreate", "", "medium"),
        (
            "POST",
            "/a/search",
            "search",
            "Search and then tag what is found",
            "medium",
        ),
        (
            "POST",
            "/a/search",
            "search",
            "Finds things, deletes what is old",
            "high",
        ),
        ("POST", "/a/bulkdelete", "", "", "high"),
        ("POST", "/a/search", "searchOrDeleteAll", "", "high"),
        ("POST", "/delete/search", "", "", "high"),
    ] {
        let found = one(method, path, id, title);
        assert_eq!(found.risk, wanted, "{method} {path} {id} {title}");
    }
}

#[test]
fn what_can_do_more_than_look_is_medium_and_marked() {
    for (method, path, id) in [
        ("POST", "/sql/query", ""),
        ("POST", "/graphql", ""),
        ("POST", "/a/{id}/simulateFailure", ""),
        ("POST", "/a", "simulateFailure"),
        ("POST", "/a/query", "queryAll"),
        ("POST", "/a/execute", ""),
        ("POST", "/a/{id}/run", ""),
        ("GET", "/query", ""),
        ("GET", "/sql", ""),
        ("POST", "/query/search", "search"),
    ] {
        let wanted = Drafted {
            risk: "medium",
            marked: true,
        };
        assert_eq!(one(method, path, id, ""), wanted, "{method} {path} {id}");
    }
}

#[test]
fn a_get_that_says_it_writes_is_raised_and_marked() {
    for (path, id, title, wanted) in [
        ("/x/{id}/delete", "deleteX", "Delete an x", "high"),
        ("/things/{id}/delete", "", "", "high"),
        ("/y/deleteAll", "", "Deletes everything", "high"),
        ("/z/{id}/cancel", "", "Cancels the z", "medium"),
        ("/z/{id}/cancel", "", "", "medium"),
        ("/z/{id}/start", "", "", "medium"),
        ("/z/{id}", "startZ", "", "medium"),
        ("/z/{id}", "", "Updates the z", "medium"),
        ("/z/{id}", "", "Gets the z and marks it", "medium"),
    ] {
        let found = one("GET", path, id, title);
        let wanted = Drafted {
            risk: wanted,
            marked: true,
        };
        assert_eq!(found, wanted, "{path} {id} {title}");
    }
    for (path, id, title) in [
        (
            "/pulls/{n}/merge",
            "pulls/check-if-merged",
            "Check if a pull request has been merged",
        ),
        ("/runs", "actions/list-workflow-runs", "List workflow runs"),
        (
            "/releases/latest",
            "getLatestRelease",
            "Get the latest release",
        ),
        ("/deleted-items", "listDeletedItems", "List deleted items"),
        ("/starred", "", "List repositories starred by the user"),
        ("/things/{thing_id}/lock", "getLock", ""),
    ] {
        let found = one("GET", path, id, title);
        assert_eq!(found.risk, "low", "{path} {id} {title}");
    }
}

#[test]
fn a_post_that_only_looks_is_low() {
    for (path, id) in [
        ("/tickets/search", "searchTickets"),
        ("/tickets/search", ""),
        ("/tickets:search", ""),
        ("/tickets/count", ""),
        ("/tickets/find-by-name", ""),
        ("/invoices/preview", "previewInvoice"),
        ("/tickets", "getTickets"),
        ("/names/check", "checkName"),
    ] {
        assert_eq!(one("POST", path, id, "").risk, "low", "{path} {id}");
    }
}

#[test]
fn nothing_makes_a_deletion_less_than_high() {
    for (path, id) in [
        ("/users/me/stars/{id}", "unstar"),
        ("/things/{id}", "getThing"),
        ("/things", "searchThings"),
        ("/things/{id}/like", "unlike"),
    ] {
        assert!(
            at_least(&one("DELETE", path, id, ""), "high"),
            "{path} {id}"
        );
    }
}

#[test]
fn mutations_are_never_low_and_high_where_they_destroy() {
    let schema = "type Mutation { filterDelete(id: ID!): Boolean countReset: Boolean pollClose(id: ID!): Boolean
        listItemDelete(id: ID!): Boolean checkSuiteDelete(id: ID!): Boolean findAndRemoveUser(id: ID!): Boolean
        issueRemoveLabel(id: ID!): Boolean exportDelete: Boolean search(text: String): Boolean list: Boolean getUser: Boolean
        previewAndSend: Boolean checkout: Boolean } type Query { deleteThing: Boolean issues: Boolean release: Boolean search: Boolean }";
    let mut api = api(Format::GraphQl, &source("s.graphql", schema));
    api.at("https://t.example/graphql").unwrap();
    let text = import::connector(&api, "x", "s.graphql").text;
    tried(&text);
    let found = drafted(&text);
    for (field, wanted) in [
        ("mutation.filterDelete", "high"),
        ("mutation.countReset", "high"),
        ("mutation.pollClose", "medium"),
        ("mutation.listItemDelete", "high"),
        ("mutation.checkSuiteDelete", "high"),
        ("mutation.findAndRemoveUser", "high"),
        ("mutation.issueRemoveLabel", "high"),
        ("mutation.exportDelete", "high"),
        ("mutation.search", "medium"),
        ("mutation.list", "medium"),
        ("mutation.getUser", "medium"),
        ("mutation.previewAndSend", "medium"),
        ("mutation.checkout", "high"),
        ("query.deleteThing", "high"),
        ("query.issues", "low"),
        ("query.release", "low"),
        ("query.search", "low"),
    ] {
        assert_eq!(found[field].risk, wanted, "{field}");
    }
    assert!(found["query.deleteThing"].marked);
}

/// What a word of a composition is, as the one who composes it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Noun,
    Looks,
    Asks,
    Writes,
    Destroys,
}

fn word() -> impl Strategy<Value = (Kind, &'static str)> {
    use Kind::{Asks, Destroys, Looks, Noun, Writes};
    prop::sample::select(vec![
        (Noun, "user"),
        (Noun, "ticket"),
        (Noun, "label"),
        (Noun, "folder"),
        (Noun, "invoice"),
        (Looks, "search"),
        (Looks, "list"),
        (Looks, "get"),
        (Looks, "find"),
        (Looks, "count"),
        (Looks, "check"),
        (Looks, "preview"),
        (Asks, "query"),
        (Asks, "sql"),
        (Asks, "graphql"),
        (Asks, "simulate"),
        (Asks, "execute"),
        (Writes, "create"),
        (Writes, "add"),
        (Writes, "send"),
        (Writes, "cancel"),
        (Writes, "modify"),
        (Writes, "enable"),
        (Writes, "assign"),
        (Destroys, "delete"),
        (Destroys, "remove"),
        (Destroys, "destroy"),
        (Destroys, "purge"),
        (Destroys, "revoke"),
        (Destroys, "wipe"),
        (Destroys, "drop"),
        (Destroys, "terminate"),
    ])
}

/// Writes words as `thisOrThat`, `this-or-that` or `this_or_that`.
fn joined(words: &[(Kind, &str)], style: u8) -> String {
    let mut out = String::new();
    for (at, (_, word)) in words.iter().enumerate() {
        match (style % 3, at) {
            (_, 0) => out.push_str(word),
            (0, _) => {
                out.push_str(&word[..1].to_uppercase());
                out.push_str(&word[1..]);
            }
            (1, _) => out.push_str(&format!("-{word}")),
            _ => out.push_str(&format!("_{word}")),
        }
    }
    out
}

/// The least risk of an operation, from the kinds of its words alone.
fn least(method: &str, id: &[Kind], path: &[Kind], title: &[Kind]) -> &'static str {
    let everywhere = || id.iter().chain(path).chain(title);
    if method == "DELETE" || everywhere().any(|kind| *kind == Kind::Destroys) {
        return "high";
    }
    if method == "PUT" || method == "PATCH" || everywhere().any(|kind| *kind == Kind::Writes) {
        return "medium";
    }
    let looks = id.iter().chain(path).any(|kind| *kind == Kind::Looks);
    let asks = id.iter().chain(path).any(|kind| *kind == Kind::Asks);
    match method {
        "POST" if !looks || asks => "medium",
        _ => "low",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_composition_of_words_is_judged_too_low(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
        id in prop::collection::vec(word(), 0..4),
        tail in prop::collection::vec(word(), 1..4),
        title in prop::collection::vec(word(), 0..4),
        captured in any::<bool>(),
        styles in any::<(u8, u8)>(),
    ) {
        let kinds = |words: &[(Kind, &'static str)]| words.iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
        let path = format!("/things/{}{}", joined(&tail, styles.0), if captured { "/{id}" } else { "" });
        let said = title.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
        let found = one(method, &path, &joined(&id, styles.1), &said);
        let wanted = least(method, &kinds(&id), &kinds(&tail), &kinds(&title));
        prop_assert!(at_least(&found, wanted), "{} {} {} {}: {:?}, not {}", method, path, joined(&id, styles.1), said, found, wanted);
    }
}
