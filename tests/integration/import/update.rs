//! `--update`: what is new goes in at its place, and nothing that was there changes.

use tollgate::import::{self, Format, Merged};

use super::{api, source, told, tried};

const API: &str = r"
openapi: 3.0.0
info: { title: T, version: '2' }
servers: [{ url: https://t.example/v1 }]
paths:
  /a: { get: {}, post: { requestBody: { content: { application/json: { schema: { properties: { title: { type: string } } } } } } } }
  /a/{a_id}: { get: {}, delete: {} }
  /b: { get: {} }
  /c/{c_id}: { get: {} }
";

fn merged(file: &str) -> Result<Merged, String> {
    let api = api(Format::OpenApi, &source("api.yaml", API));
    import::update(&source("t.yaml", file), &api).map_err(|report| told(&report))
}

const FILE: &str = "# mine
connector: t
auth: none # really
domains: [t.example]
base_paths: [/v1]

routes:
  # All about a
  - action: a.everything   # my name for it
    match: GET|HEAD /a
    risk: low
    tests: [{ request: GET https://t.example/v1/a, expect: {} }]

  - match: 'GET /a/{my_id}'
    action: a.look
    params: { my_id: { pattern: '[0-9]+' } }
    tests: [{ request: GET https://t.example/v1/a/1, expect: {} }]
    # a note at the end

  # Old
  - action: old.get
    match: GET /old
    summary: |
      # not a comment
    tests: [{ request: GET https://t.example/v1/old, expect: {} }]

# after the routes
fallback: { risk: medium }   # lower than usual
";

#[test]
fn a_captured_segment_is_a_version_only_in_front_of_everything_else() {
    let description = "openapi: 3.0.0
servers: [{ url: https://t.example }]
paths: { /v1/a/latest: { get: {} }, /v1/b: { get: {} } }
";
    let file = "connector: t
auth: none
domains: [t.example]
routes:
  - { action: a.get, match: 'GET /{version}/a/{id}' }
  - { action: b.list, match: 'GET /{version}/b' }
";
    let api = api(Format::OpenApi, &source("api.yaml", description));
    let merged = import::update(&source("t.yaml", file), &api).unwrap();
    assert_eq!(merged.added, ["a.latest.get"]);
}

#[test]
fn new_routes_go_behind_their_group_and_every_old_byte_stays() {
    let merged = merged(FILE).unwrap();
    super::snapshot("import_update", &merged.text);
    assert_eq!(merged.added, ["a.create", "a.delete", "b.get", "c.get"]);
    assert_eq!(merged.gone, ["old.get"]);
    assert_eq!(tried(&merged.text), 7);
    let mut new = merged.text.lines();
    for line in FILE.lines() {
        assert!(new.any(|other| other == line), "`{line}` is gone or moved");
    }
}

#[test]
fn a_second_update_adds_nothing() {
    let first = merged(FILE).unwrap();
    let second = merged(&first.text).unwrap();
    assert_eq!(second.text, first.text);
    assert!(second.added.is_empty());
}

#[test]
fn the_layout_of_the_file_is_kept() {
    let flat = "connector: t\r\nauth: none\r\ndomains: [t.example]\r\nbase_paths: [/v1]\r\nroutes:\r\n- action: a.list\r\n  match: GET /a\r\n";
    let merged = merged(flat).unwrap();
    assert!(merged.text.starts_with(flat) && merged.text.ends_with("\r\n"));
    assert!(
        merged
            .text
            .contains("\r\n- action: a.create\r\n  match: POST /a\r\n"),
        "{}",
        merged.text
    );
    assert_eq!(
        merged.text.matches('\n').count(),
        merged.text.matches("\r\n").count()
    );
}

#[test]
fn dashes_far_from_what_they_begin_are_kept() {
    let wide = "connector: t\nauth: none\ndomains: [t.example]\nbase_paths: [/v1]\nroutes:\n    -   action: a.list\n        match: GET /a\n";
    let merged = merged(wide).unwrap();
    assert!(merged.text.starts_with(wide), "{}", merged.text);
    assert!(
        merged.text.contains("\n    - action: a.create\n"),
        "{}",
        merged.text
    );
}

#[test]
fn a_file_without_routes_gets_some() {
    let merged =
        merged("connector: t\nauth: none\ndomains: [t.example]\nbase_paths: [/v1]\n").unwrap();
    assert_eq!(merged.added.len(), 6);
    assert_eq!(tried(&merged.text), 6);
}

#[test]
fn paths_are_those_below_the_file_s_own_base_path() {
    let bare = "connector: t\nauth: none\ndomains: [t.example]\nroutes:\n  - action: a.list\n    match: GET /{version}/a\n    tests: [{ request: GET https://t.example/v1/a, expect: {} }]\n";
    let merged = merged(bare).unwrap();
    assert!(merged.gone.is_empty());
    assert_eq!(
        merged.added,
        ["a.get", "a.create", "a.delete", "b.get", "c.get"]
    );
    assert!(
        merged.text.contains("match: POST /v1/a\n"),
        "{}",
        merged.text
    );
    tried(&merged.text);
}

#[test]
fn what_cannot_be_merged_is_told_and_nothing_is_lost() {
    let flow = "connector: t\nauth: none\nbase_paths: [/v1]\nroutes: [{ action: a.list, match: GET /a }]\n";
    let other = "connector: t\nauth: none\nbase_paths: [/rest]\nroutes: []\n";
    let broken = "connector: t\nroutes:\n  - action: [\n";
    let mut all = String::new();
    for file in [flow, other, broken] {
        all.push_str(&merged(file).map_or_else(|told| told, |merged| merged.text));
        all.push('\n');
    }
    super::snapshot("import_update_refused", &all);
}
