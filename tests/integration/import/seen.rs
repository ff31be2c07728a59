//! Requests that were seen: what of a path is captured, and that nothing secret of a command gets out.

use tollgate::import::{self, Patterns, Seen, curl};

/// Returns the `match` of each operation that requests are, in order of text.
fn matches(requests: &[&str], known: &[&str]) -> Vec<String> {
    let seen = requests.iter().map(|line| {
        let (method, path) = line.split_once(' ').unwrap();
        Seen {
            method: method.to_owned(),
            path: path.to_owned(),
            times: 1,
            ..Seen::default()
        }
    });
    let observed = import::observed(
        &seen.collect::<Vec<_>>(),
        &Patterns::of(known.iter().copied()),
    );
    let proposed = import::propose("x", "x.example", observed.operations, [].into());
    let mut matches: Vec<String> = proposed.into_iter().map(|route| route.matches).collect();
    matches.sort();
    matches
}

#[test]
fn what_varies_in_a_path_is_captured() {
    for (path, wanted) in [
        ("/", "/"),
        ("/v1/tickets", "/v1/tickets"),
        ("/v1/tickets/17", "/v1/tickets/{ticket_id}"),
        ("/api/3/issue/OPS-7", "/api/3/issue/{issue_key}"),
        (
            "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef",
            "/2010-04-01/Accounts/{account_id}",
        ),
        (
            "/v2/images/0b4a7e0e-5c5c-4b1e-9d2a-7a1f6c3d2e10/tags",
            "/v2/images/{image_id}/tags",
        ),
        ("/users/ada@example.com", "/users/{user_id}"),
        ("/users/@me/settings", "/users/@me/settings"),
        ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{customer_id}"),
        ("/commits/9fceb02d0ae5/files", "/commits/{commit_id}/files"),
        (
            "/orders/7/lines/8.json",
            "/orders/{order_id}/lines/{line_id}.json",
        ),
        ("/orders/7/8", "/orders/{order_id}/{id}"),
        ("/reports/2026-01-31", "/reports/{report_id}"),
        ("/oauth2/token", "/oauth2/token"),
        ("/k8s/sha256", "/k8s/sha256"),
        (
            "/rest/announcementBanner/createOrUpdate",
            "/rest/announcementBanner/createOrUpdate",
        ),
        (
            "/services/T00A/B01C/xYzAbCdEfGhIjKlMnOpQrStU",
            "/services/{service_id}/{id}/{id_2}",
        ),
        ("/x/{name}/y", "/x/{name}/y"),
    ] {
        assert_eq!(
            matches(&[&format!("GET {path}")], &[]),
            [format!("GET {wanted}")],
            "{path}"
        );
    }
}

#[test]
fn what_routes_capture_that_are_there_is_captured() {
    let known = [
        "GET /repos/{owner}/{repo}",
        "GET|HEAD api.x.example/repos/{owner}/{repo}/git/{*ref}?x=1",
        "GET /repos/search",
    ];
    let found = matches(
        &[
            "GET /repos/acme/site/rulesets/7",
            "GET /repos/acme/shop/rulesets/8",
            "POST /repos/search",
            "GET /acme/git",
        ],
        &known,
    );
    let wanted = [
        "GET /acme/git",
        "GET /repos/{owner}/{repo}/rulesets/{ruleset_id}",
        "POST /repos/search",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn many_different_segments_behind_a_plural_are_names() {
    let few = [
        "GET /teams/red",
        "GET /teams/blue",
        "GET /teams/grey",
        "GET /teams/search",
    ];
    assert_eq!(
        matches(&few, &[]),
        [
            "GET /teams/blue",
            "GET /teams/grey",
            "GET /teams/red",
            "GET /teams/search"
        ]
    );
    let many = [
        "GET /teams/red",
        "GET /teams/blue",
        "GET /teams/grey/members",
        "GET /teams/search",
        "GET /teams/b",
        "GET /teams/c",
    ];
    assert_eq!(
        matches(&many, &[]),
        [
            "GET /teams/search",
            "GET /teams/{team_id}",
            "GET /teams/{team_id}/members"
        ]
    );
}

#[test]
fn a_hostile_path_is_a_route_and_nothing_more() {
    for path in [
        "/a: b # c",
        "/x\n  - action: y\n    match: GET /",
        "/'\"{[",
        "/{*x}/{a}{b}",
        "/\u{202e}\u{1b}[31m",
        "/&anchor/*anchor/!tag/%/?x",
        "/..//./",
        "/unknown/tunnel.open/x.unknown",
    ] {
        let seen = [Seen {
            method: "GET".to_owned(),
            path: path.to_owned(),
            times: 1,
            ..Seen::default()
        }];
        let observed = import::observed(&seen, &Patterns::default());
        let proposed = import::propose("x", "x.example", observed.operations, [].into());
        let [route] = proposed.as_slice() else {
            panic!("{path:?}: {proposed:?}")
        };
        assert!(
            route.text.is_ascii() && !route.text.contains('\u{1b}'),
            "{}",
            route.text
        );
        let file = format!("connector: x\nroutes:\n{}", route.text);
        assert_eq!(
            super::routes(&file),
            [(route.action.clone(), route.matches.clone())]
        );
    }
    let odd = [
        ("get", "/x".to_owned()),
        ("GET", "/x".repeat(300)),
        ("", "/x".to_owned()),
    ];
    for (method, path) in odd {
        let seen = [Seen {
            method: method.to_owned(),
            path,
            times: 3,
            ..Seen::default()
        }];
        assert_eq!(import::observed(&seen, &Patterns::default()).left_out, 3);
    }
}

#[test]
fn a_command_of_several_parts_is_a_route_for_each() {
    for (body, wanted) in [
        (
            r#"{"query":"mutation M($t: String!) { createIssue(input: {title: $t}) { id } closeIssue(id: 1) { id } }","variables":{"t":"x"}}"#,
            &[
                "graphql: mutation.closeIssue",
                "graphql: mutation.createIssue",
            ][..],
        ),
        (
            r#"[{"query":"{ viewer { login } }"},{"query":"mutation { deleteRef { x } }"}]"#,
            &["graphql: mutation.deleteRef", "graphql: query.viewer"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
            &["rpc: tools/call"],
        ),
        // What is none of that, or not certainly, is a body.
        (r#"{"query":"printer is broken"}"#, &[]),
        (
            r#"{"query":"{ ...F } fragment F on Query { viewer }"}"#,
            &[],
        ),
        (r#"{"method":"tools/call"}"#, &[]),
        (r#"{"jsonrpc":"2.0","method":"*"}"#, &[]),
    ] {
        let command = format!("curl https://a.example/x --json '{body}'");
        let read = curl::read(&command).unwrap();
        let text = import::connector(&curl::api(&[read]), "x", "a command").text;
        let lines = text.lines().map(str::trim);
        let mut found: Vec<&str> = lines
            .filter(|line| line.starts_with("graphql:") || line.starts_with("rpc:"))
            .collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "{text}");
        assert_eq!(super::tried(&text), wanted.len().max(1), "{text}");
    }
}

#[test]
fn what_a_browser_adds_is_no_parameter() {
    let command = "curl 'https://a.example/x' -H 'sec-ch-ua: \"Chromium\"' -H 'priority: u=1, i' -H 'Sec-Fetch-Mode: cors' -H 'Referer: https://a.example/' -H 'x-tenant: t'";
    let text = import::connector(&curl::api(&[curl::read(command).unwrap()]), "x", "c").text;
    assert!(
        text.contains("params: { x_tenant: header:x-tenant }"),
        "{text}"
    );
    let windows = curl::read("curl ^\"https://a.example/x^\" -H ^\"accept: */*^\"");
    assert!(
        windows
            .unwrap_err()
            .to_string()
            .contains("copy it as cURL (bash)")
    );
}

#[test]
fn no_value_of_a_command_gets_out() {
    const SECRET: &str = "Zk3xW9s3cr3tVal";
    let commands = [
        "curl https://a.example/x -H 'Authorization: Bearer SECRET'",
        "curl https://a.example/x -H 'authorization: SECRET'",
        "curl https://a.example/x -H 'Authorization: Custom SECRET SECRET'",
        "curl https://a.example/x -H 'Authorization: SECRET SECRET'",
        "curl https://a.example/x -H SECRET -H 'SECRET;'",
        "curl https://a.example/x -H 'X-Api-Key: SECRET' -H 'Cookie: a=SECRET' -b SECRET",
        "curl https://a.example/x -HX-Tenant:SECRET -uada:SECRET",
        "curl https://ada:SECRET@a.example/x?token=SECRET&q=SECRET",
        "curl 'https://a.example/x?SECRETSECRET' --url-query SECRET",
        "curl https://a.example/hooks/SECRET/y",
        "curl https://a.example/x -d SECRET",
        "curl https://a.example/x --data-urlencode SECRET --data-urlencode =SECRET",
        "curl https://a.example/x -F SECRET -F 'a=SECRET'",
        r#"curl https://a.example/x --json '{"password":"SECRET","n":{"a":"SECRET"},"l":["SECRET"]}'"#,
        r"curl https://a.example/x -H $'X-Token: \u0053SECRET\n' --data-binary $'a=it\'s SECRET'",
        "curl https://a.example/x --oauth2-bearer SECRET --proxy http://SECRET@p.example -T SECRET",
        "curl https://a.example/x --aws-sigv4 aws:amz:SECRET -u SECRET:SECRET",
    ];
    for command in commands {
        let command = command.replace("SECRET", SECRET);
        let read = curl::read(&command).unwrap_or_else(|error| panic!("{command}: {error}"));
        let text = import::connector(&curl::api(&[read]), "x", "a command").text;
        assert!(
            !text.to_lowercase().contains(&SECRET.to_lowercase()),
            "{command}\n{text}"
        );
        assert_eq!(super::tried(&text), 1, "{text}");
    }
    for bad in [
        "curl 'SECRET",
        "SECRET https://a.example",
        "curl SECRET SECRET",
        "curl -SSECRET",
        "curl SECRET://a.example",
    ] {
        let error = curl::read(&bad.replace("SECRET", SECRET))
            .expect_err(bad)
            .to_string();
        assert!(!error.contains(SECRET), "{error}");
    }
}
