//! Reports as people and other programs read them.

use insta::{assert_json_snapshot, assert_snapshot};
use tollgate::config::diagnostic::{Diagnostic, Place, Report};

use super::source;

fn report() -> Report {
    let source = source("a: 1\n\tb\u{202e}: 2\nlong: ".to_owned().as_str());
    let place = |line, column, note: &str| Place {
        source: source.clone(),
        line,
        column,
        note: note.to_owned(),
    };
    let mut report = Report::default();
    report.push(
        Diagnostic::error("route-conflict", "two routes accept `GET /\u{1b}[2J`")
            .at(place(2, 3, "demo.a"))
            .at(place(1, 1, "demo.b"))
            .help("tell them apart with `when`"),
    );
    report.push(Diagnostic::warning("unreachable", "100% wrong: a, b").at(place(0, 0, "")));
    report.push(Diagnostic::error("no-place", "nowhere"));
    report
}

#[test]
fn shows_text_with_both_places_of_a_conflict() {
    assert_snapshot!(report().to_text(), @r"
    error[route-conflict]: two routes accept `GET /\u{1b}[2J`
      --> demo.yaml:2:3   demo.a
      |
    2 |  b\u{202e}: 2
      |   ^
      --> demo.yaml:1:1   demo.b
      |
    1 | a: 1
      | ^
      |
      help: tell them apart with `when`

    warning[unreachable]: 100% wrong: a, b
      --> demo.yaml

    error[no-place]: nowhere
    ");
}

#[test]
fn a_message_that_repeats_a_huge_value_keeps_its_beginning_and_end() {
    let message = format!("`{}` is not a host", "ä".repeat(1 << 20));
    let shown = Diagnostic::error("domain", message).message;
    assert!(shown.len() < 3000, "{} bytes", shown.len());
    assert!(shown.starts_with("`ä") && shown.ends_with("ä` is not a host"));
}

#[test]
fn shows_workflow_commands_on_one_line_each() {
    assert_snapshot!(report().to_github(), @r"
    ::error file=demo.yaml,line=2,col=3,title=route-conflict::two routes accept `GET /\u{1b}[2J`%0Ahelp: tell them apart with `when`
    ::warning file=demo.yaml,title=unreachable::100%25 wrong: a, b
    ::error title=no-place::nowhere
    ");
}

#[test]
fn shows_json_with_places() {
    assert_json_snapshot!(report().to_json()["diagnostics"][0], @r#"
    {
      "severity": "error",
      "code": "route-conflict",
      "message": "two routes accept `GET /\\u{1b}[2J`",
      "places": [
        {
          "file": "demo.yaml",
          "line": 2,
          "column": 3,
          "note": "demo.a"
        },
        {
          "file": "demo.yaml",
          "line": 1,
          "column": 1,
          "note": "demo.b"
        }
      ],
      "help": "tell them apart with `when`"
    }
    "#);
}

#[test]
fn shows_sarif_that_viewers_place() {
    let sarif = report().to_sarif();
    assert_eq!(
        (
            sarif["version"].as_str(),
            sarif["runs"][0]["results"].as_array().map(Vec::len)
        ),
        (Some("2.1.0"), Some(3))
    );
    assert_json_snapshot!(sarif["runs"][0]["results"][0], @r#"
    {
      "ruleId": "route-conflict",
      "level": "error",
      "message": {
        "text": "two routes accept `GET /\\u{1b}[2J`; tell them apart with `when`"
      },
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "demo.yaml"
            },
            "region": {
              "startLine": 2,
              "startColumn": 3
            }
          },
          "message": {
            "text": "demo.a"
          }
        }
      ],
      "relatedLocations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "demo.yaml"
            },
            "region": {
              "startLine": 1,
              "startColumn": 1
            }
          },
          "message": {
            "text": "demo.b"
          }
        }
      ]
    }
    "#);
}

#[test]
fn shows_only_a_part_of_an_endless_line() {
    let source = source(&"ä".repeat(10_000));
    let mut report = Report::default();
    report.push(Diagnostic::error("x", "y").at(Place {
        source,
        line: 1,
        column: 5_000,
        note: String::new(),
    }));
    let text = report.to_text();
    let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    assert!(lines.iter().all(|line| line.len() < 200), "{text}");
    let mark = lines[4]
        .iter()
        .position(|character| *character == '^')
        .unwrap();
    assert_eq!(lines[3][mark], 'ä');
}
