//! Answers that give a credential away: every file of `tests/leaks`, through a real gateway.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;

use crate::mask::KEY;
use crate::mask::coding::{CODINGS, code};
use crate::mask::encodings::{Layer, Spelling};
use crate::proxy::mask::start;
use crate::support::agent::Agent;
use crate::support::upstream::{Reply, Speaks, Upstream};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    leak: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn ok() -> u16 {
    200
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/leaks");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let source = Source {
            name: path.display().to_string().into(),
            text: std::fs::read_to_string(&path).unwrap().into(),
            built_in: false,
        };
        let mut report = Report::default();
        let file: Option<File> = yaml::read(&source, &mut report);
        files.push(file.unwrap_or_else(|| panic!("{}", report.to_text())));
    }
    files
}

/// Fills the spellings in; returns the text, and what the agent may see of it.
fn fill(text: &str) -> (Vec<u8>, Vec<u8>) {
    let escaped = |layers: &[Layer], choice| Spelling::Escaped(layers.to_vec(), vec![choice]);
    let base64 = |alphabet, before| Spelling::Base64 {
        alphabet,
        before: vec![b'x'; before],
        behind: Vec::new(),
    };
    let spellings = [
        ("{value}", escaped(&[], 0)),
        ("{json}", escaped(&[Layer::Json], 0)),
        ("{unicode}", escaped(&[Layer::Json], 3)),
        ("{json-twice}", escaped(&[Layer::Json, Layer::Json], 0)),
        ("{percent}", escaped(&[Layer::Percent], 0)),
        ("{percent-all}", escaped(&[Layer::Percent], 2)),
        (
            "{percent-twice}",
            escaped(&[Layer::Percent, Layer::Percent], 0),
        ),
        ("{html}", escaped(&[Layer::Html], 4)),
        ("{base64}", base64(0, 0)),
        ("{base64-1}", base64(0, 1)),
        ("{base64-2}", base64(0, 2)),
        ("{base64url}", base64(3, 0)),
        ("{base64url-1}", base64(3, 1)),
        ("{base64url-2}", base64(3, 2)),
        ("{hex}", Spelling::Hex { upper: false }),
        ("{HEX}", Spelling::Hex { upper: true }),
    ];
    let (mut filled, mut seen) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let spelling = spellings.iter().find(|(name, _)| rest.starts_with(name));
        let Some((name, spelling)) = spelling else {
            let literal = &rest.as_bytes()[..first.len_utf8()];
            filled.extend_from_slice(literal);
            seen.extend_from_slice(literal);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (written, hidden) = spelling.write(KEY.as_bytes());
        filled.extend(written);
        seen.extend(hidden);
        rest = &rest[name.len()..];
    }
    (filled, seen)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Answers an agent with a case; returns what is wrong with what it receives.
async fn check(
    client: &reqwest::Client,
    upstream: &Upstream,
    case: &Case,
    (coding, size): (&str, usize),
) -> Result<(), String> {
    let (mut reply, feed) = Reply::streamed(case.status);
    for (name, text) in &case.headers {
        let name: &'static str = Box::leak(name.clone().into_boxed_str());
        reply = reply.header(name, &shown(&fill(text).0));
    }
    let (body, expected) = fill(&case.body);
    let coded = !body.is_empty() && coding != "identity";
    let body = if coded { code(coding, &[&body]) } else { body };
    if coded {
        reply = reply.header(
            "content-encoding",
            if coding == "raw" { "deflate" } else { coding },
        );
    }
    upstream.reply("/thing", reply);
    let send = async {
        for piece in body.chunks(size) {
            feed.send(piece.to_vec()).await;
        }
        drop(feed);
    };
    let ask = async {
        let answer = client.get("https://api.test/thing").send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await)
    };
    let ((status, headers, received), ()) = tokio::join!(ask, send);
    let received = received.map_err(|error| format!("{error:?}"))?;
    let text = format!("{status} {headers:?}");
    if status != case.status {
        return Err(text);
    }
    for (name, wanted) in &case.headers {
        let (wanted, seen) = (fill(wanted).1, headers.get(name.as_str()));
        if seen.is_none_or(|seen| seen.as_bytes() != wanted) {
            return Err(format!("`{name}` is not `{}`: {text}", shown(&wanted)));
        }
    }
    if headers.contains_key("content-encoding") || received != expected {
        return Err(format!(
            "{text}: `{}` is not `{}`",
            shown(&received),
            shown(&expected)
        ));
    }
    Ok(())
}

async fn check_all(speaks: Speaks, client: impl Fn(&Agent) -> reqwest::Client, codings: &[&str]) {
    let upstream = Upstream::speaking(&["api.test"], speaks).await;
    let gateway = start(&upstream).await;
    let client = client(&gateway.agent);
    let (mut failures, mut cases) = (Vec::new(), 0);
    for file in files() {
        for case in &file.cases {
            for coding in codings {
                let size = [1, 7, 1000][cases % 3];
                cases += 1;
                if let Err(problem) = check(&client, &upstream, case, (coding, size)).await {
                    let Case { why, .. } = case;
                    failures.push(format!(
                        "{}: {why} ({coding}, {size})\n    {problem}",
                        file.leak
                    ));
                }
            }
        }
    }
    assert!(cases > 25, "only {cases} cases were found");
    assert!(failures.is_empty(), "{speaks:?}:\n{}", failures.join("\n"));
}

#[tokio::test]
async fn no_answer_gives_a_credential_away() {
    tokio::join!(
        check_all(Speaks::Http1, Agent::http1, &CODINGS),
        check_all(Speaks::Http2, Agent::http2, &CODINGS),
        check_all(Speaks::Http1, Agent::http2, &["identity", "gzip"]),
        check_all(Speaks::Http2, Agent::http1, &["identity", "br"]),
    );
}
