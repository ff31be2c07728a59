//! Bodies that are made to cost: each is refused, or read, within the limits and on a small stack.

use super::{Ask, ask, routes};

const ROUTES: &str = r#"
  - { action: json, match: POST /json, params: { a: "$.a[*]" } }
  - { action: form, match: POST /form, body: form, params: { a: "form:a[*]", b: "form:b[c]" } }
  - { action: upload, match: POST /upload, body: multipart, params: { a: form:a } }
  - { action: "call.{rpc.method}", match: POST /rpc, rpc: "*", risk: low, params: { x: arg:x } }
  - { action: "{graphql.field}", match: POST /graphql, graphql: "*", risk: low, params: { x: arg:x } }
  - { action: batch, match: POST /batch, batch: "$[*]", risk: low }
  - { action: push, match: POST /git-receive-pack, git: true }
"#;

/// Reads a body on a stack as small as those of the gateway's threads; returns the code of the refusal, or how many actions.
fn read(path: &'static str, body: String) -> String {
    let reading = move || {
        let catalog = routes(ROUTES);
        let line = format!("POST https://api.test/{path}");
        let mut ask: Ask<'_> = ask(&line).body(&body);
        if path == "upload" {
            ask = ask.header("content-type", "multipart/form-data; boundary=x");
        }
        match ask.of(&catalog) {
            Ok(actions) => actions.len().to_string(),
            Err(error) => error.code.to_owned(),
        }
    };
    let small = std::thread::Builder::new().stack_size(2 << 20);
    small.spawn(reading).unwrap().join().unwrap()
}

fn graphql(document: &str) -> String {
    read(
        "graphql",
        serde_json::json!({ "query": document }).to_string(),
    )
}

#[test]
fn bounds_json() {
    for body in [
        "[".repeat(1 << 20),
        r#"{"a":"#.repeat(1 << 18),
        format!("[{}1]", r#"{"":0},"#.repeat(150_000)),
        format!(r#"{{"a":[{}1]}}"#, "1,".repeat(500_000)),
    ] {
        assert_eq!(read("json", body), "unreadable_body");
    }
}

#[test]
fn bounds_forms() {
    let indexed: Vec<String> = (0..900).map(|at| format!("a[{at}]=1")).collect();
    assert_eq!(read("form", indexed.join("&")), "1");
    assert_eq!(read("form", "a=1&".repeat(899)), "1");
    assert_eq!(read("form", "a=1&".repeat(40_000)), "unreadable_body");
    assert_eq!(read("form", "a=1&".repeat(200_000)), "unreadable_body");
    assert_eq!(
        read("form", format!("b{}=1", "[c]".repeat(16))),
        "parameter_form"
    );
    assert_eq!(
        read("form", format!("b{}=1", "[c]".repeat(100_000))),
        "ambiguous_parameter"
    );
    assert_eq!(
        read("form", format!("b{}=1", "[".repeat(1 << 20))),
        "ambiguous_parameter"
    );
    let part = "--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n\r\n";
    assert_eq!(
        read("upload", format!("{}--x--\r\n", part.repeat(15_000))),
        "unreadable_body"
    );
    assert_eq!(read("upload", "--x".repeat(300_000)), "unreadable_body");
    assert_eq!(
        read("upload", format!("--x\r\n{}", "a: b\r\n".repeat(150_000))),
        "unreadable_body"
    );
}

#[test]
fn bounds_batches() {
    let call = r#"{"method":"a"}"#;
    let batch = |count: usize| format!("[{}]", vec![call; count].join(","));
    assert_eq!(read("rpc", batch(50)), "1");
    assert_eq!(read("rpc", batch(51)), "too_many_actions");
    assert_eq!(read("rpc", batch(70_000)), "too_many_actions");
    assert_eq!(
        read("rpc", format!("[{}", "[".repeat(1 << 20))),
        "unreadable_body"
    );
    let query = r#"{"query":"{a}"}"#;
    let batch = format!("[{}]", vec![query; 51].join(","));
    assert_eq!(read("graphql", batch), "too_many_actions");
}

#[test]
fn bounds_members_and_refs() {
    let member = r#"{"path":"/x"}"#;
    let batch = |count: usize| format!("[{}]", vec![member; count].join(","));
    assert_eq!(read("batch", batch(49)), "2");
    assert_eq!(read("batch", batch(51)), "too_many_actions");
    assert_eq!(read("batch", batch(20_000)), "too_many_actions");
    assert_eq!(read("batch", batch(70_000)), "unreadable_body");
    assert_eq!(read("batch", "[".repeat(1 << 20)), "unreadable_body");
    let nested = |inner: &str| format!(r#"[{{"method":"POST","path":"/batch","body":{inner}}}]"#);
    let deep = (0..100).fold(batch(1), |body, _| nested(&body));
    assert_eq!(read("batch", deep), "unreadable_body");
    // The nodes of a member count with those of the batch.
    let wide = format!(
        r#"[{{"method":"POST","path":"/json","body":{{"a":[{}1]}}}}]"#,
        "1,".repeat(40_000)
    );
    assert_eq!(read("batch", wide), "unreadable_body");
    let line = format!("0065{} {} refs/heads/main", "a".repeat(40), "b".repeat(40));
    assert_eq!(
        read("git-receive-pack", format!("{}0000", line.repeat(50))),
        "1"
    );
    assert_eq!(
        read("git-receive-pack", format!("{}0000", line.repeat(51))),
        "too_many_actions"
    );
    assert_eq!(
        read("git-receive-pack", line.repeat(10_000)),
        "too_many_actions"
    );
    assert_eq!(
        read("git-receive-pack", "0009shallow ".repeat(100_000)),
        "unreadable_body"
    );
}

#[test]
fn bounds_graphql() {
    let aliases: String = (0..60_000).map(|at| format!("a{at}:f ")).collect();
    assert_eq!(graphql(&format!("{{{aliases}}}")), "unreadable_body");
    let aliases: String = (0..51).map(|at| format!("a{at}:f ")).collect();
    assert_eq!(graphql(&format!("{{{aliases}}}")), "too_many_actions");
    for deep in [
        "{a".repeat(100_000),
        format!("{{a(x:{}1{})}}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("{{a(x:{}1{})}}", "{x:".repeat(50_000), "}".repeat(50_000)),
        "{... ".repeat(100_000),
        "query($a:[".repeat(100_000),
        "\"\"\"".repeat(100_000),
        "#".repeat(1 << 20),
        "...".repeat(100_000),
    ] {
        assert_eq!(graphql(&deep), "unreadable_body");
    }
}

#[test]
fn bounds_fragments() {
    // Each spreads the next twice: 2^40 fields.
    let doubling: String = (0..40)
        .map(|at| format!("fragment f{at} on Q{{...f{} ...f{}}} ", at + 1, at + 1))
        .collect();
    let doubling = format!("{doubling} fragment f40 on Q{{a}}");
    assert_eq!(
        graphql(&format!("{{...f0}} {doubling}")),
        "too_many_actions"
    );
    assert_eq!(graphql(&format!("{{a{{...f0}}}} {doubling}")), "1");
    let chain: String = (0..2_000)
        .map(|at| format!("fragment f{at} on Q{{...f{}}} ", at + 1))
        .collect();
    let chain = format!("{chain} fragment f2000 on Q{{a}}");
    assert_eq!(graphql(&format!("{{...f0}} {chain}")), "unreadable_body");
    assert_eq!(
        graphql(&format!("{{a{{...f0}}}} {chain}")),
        "unreadable_body"
    );
}

#[test]
fn bounds_variables() {
    // One variable of 40,000 values, put in 40 places.
    let body = serde_json::json!({
        "query": format!("query($v:[Int]){{{}}}", (0..40).map(|at| format!("a{at}:f(x:$v) ")).collect::<String>()),
        "variables": { "v": vec![1; 40_000] },
    });
    assert_eq!(read("graphql", body.to_string()), "unreadable_body");
}
