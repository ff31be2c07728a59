//! Words: texts of agents and operators in, the one spelling that is judged and sent out.

mod media_type;

use proptest::prelude::*;
use tollgate::model::target::{Authority, Host, Path, Query, decode};

use crate::support::property::{Cases, Claim, holds};

/// Bits of hosts, paths and queries that parsers disagree on, among harmless ones.
fn odd() -> impl Strategy<Value = String> {
    let bit = prop::sample::select(vec![
        "api",
        "API",
        "a-b",
        "_x",
        "test",
        ".",
        "..",
        "443",
        ":",
        ":443",
        "0x7f",
        "0177",
        "1",
        "127.0.0.1",
        "[",
        "]",
        "::1",
        "::ffff:1.2.3.4",
        "%25eth0",
        "@",
        "/",
        "//",
        "\\",
        "%2f",
        "%2F",
        "%5C",
        "%2e",
        "%41",
        "%c3%a9",
        "%C3",
        "%",
        "%zz",
        "%00",
        "é",
        "\u{ff0e}",
        ";",
        "?",
        "#",
        "&",
        "=",
        "+",
        " ",
        "\t",
        "\r\n",
        "\u{0}",
        "\u{7f}",
        "\u{202e}",
        "~",
        "!",
        "(",
        ")",
        "'",
    ]);
    let bits = prop::collection::vec(bit, 0..8).prop_map(|bits| bits.concat());
    prop_oneof![bits, any::<String>()]
}

/// Texts of which many are hosts; of [`odd`] ones alone, one in a hundred is.
fn names() -> impl Strategy<Value = String> {
    let bit = prop::sample::select(vec!["api", "API", "a-b", "_x", "test", ".", "7"]);
    let bits = prop::collection::vec(bit, 1..6).prop_map(|bits| bits.concat());
    prop_oneof![odd(), bits]
}

#[test]
fn a_host_has_one_spelling() {
    let cases = Cases::given(1024).claimed(40);
    holds(cases, &names(), |text| {
        let Ok(host) = Host::parse(&text) else {
            return Ok(Claim::None);
        };
        let spelled = host.to_string();
        prop_assert_eq!(Host::parse(&spelled), Ok(host), "{}", &spelled);
        let good = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:[]".contains(&byte)
        };
        prop_assert!(spelled.bytes().all(good), "{spelled}");
        Ok(Claim::Made)
    });
}

#[test]
fn the_labels_of_a_host_read_the_same_from_both_sides() {
    let cases = Cases::given(1024).claimed(40);
    holds(cases, &names(), |text| {
        let Ok(host) = Host::parse(&text) else {
            return Ok(Claim::None);
        };
        prop_assert!(host.labels().rev().eq(host.labels_from_right()), "{host}");
        Ok(Claim::Made)
    });
}

#[test]
fn an_authority_has_one_spelling_whatever_the_default_port() {
    let cases = Cases::given(1024).claimed(40);
    holds(cases, &(names(), 1..=u16::MAX), |(text, port)| {
        let Ok(authority) = Authority::parse(&text, port) else {
            return Ok(Claim::None);
        };
        let spelled = authority.to_string();
        prop_assert!(authority.is_written(&spelled));
        for other in [
            format!("{spelled}0"),
            format!("x{spelled}"),
            spelled.replace(':', ":0"),
            spelled.replace(':', ":+"),
            authority.host.to_string(),
        ] {
            prop_assert!(!authority.is_written(&other), "{other}");
        }
        prop_assert_eq!(Authority::parse(&spelled, 1), Ok(authority), "{}", &spelled);
        Ok(Claim::Made)
    });
}

#[test]
fn a_path_has_one_spelling_and_no_way_around_it() {
    let cases = Cases::given(512).claimed(60);
    holds(cases, &odd(), |text| {
        let text = format!("/{text}");
        let Ok(path) = Path::parse(&text) else {
            return Ok(Claim::None);
        };
        let again = Path::parse(path.as_str());
        prop_assert_eq!(again.as_ref(), Ok(&path));
        prop_assert!(
            path.as_str().bytes().all(|byte| byte.is_ascii_graphic()),
            "{path}"
        );
        // Who escapes every letter says the same.
        let escaped: String = text.bytes().map(escape).collect();
        prop_assert_eq!(
            Path::parse(&escaped).map(|path| path.as_str().to_owned()),
            Ok(path.as_str().to_owned())
        );
        // What no connector has to allow reads in one way for servers that decode before they split, and for those that do after.
        if path.oddities().is_empty() {
            let segments = |text: &str| {
                text.split('/')
                    .map(|segment| decode(segment).into_owned())
                    .collect::<Vec<_>>()
            };
            let decoded = decode(path.as_str()).into_owned();
            prop_assert_eq!(
                segments(path.as_str()),
                decoded.split('/').map(str::to_owned).collect::<Vec<_>>()
            );
            prop_assert!(
                !decoded.contains(['\\', ';', '\0']) && !decoded.contains("//"),
                "{decoded:?}"
            );
            prop_assert!(
                !segments(path.as_str())
                    .iter()
                    .any(|segment| segment == "." || segment == "..")
            );
        }
        Ok(Claim::Made)
    });
}

#[test]
fn a_query_is_sent_as_it_came_and_read_once() {
    let cases = Cases::given(512).claimed(40);
    holds(cases, &odd(), |text| {
        let Ok(query) = Query::parse(Some(&text)) else {
            return Ok(Claim::None);
        };
        prop_assert_eq!(query.raw(), Some(text.as_str()));
        prop_assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b'#')
        );
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        prop_assert_eq!(query.pairs().count(), pairs.count());
        Ok(Claim::Made)
    });
}

/// Escapes letters and digits that are not part of an escape: the reading must not change.
fn escape(byte: u8) -> String {
    if byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit() {
        format!("%{byte:02x}")
    } else {
        char::from(byte).to_string()
    }
}
