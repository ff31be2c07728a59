//! Tests the reader against `serde_json`: what one takes the other takes, with the same values in the same order.

use proptest::prelude::*;
use serde::Deserialize as _;
use serde_json::Value;

use super::{Text, plain_length};

fn read(text: &str) -> Option<Value> {
    let mut reader = Text::new(text);
    let value = Value::deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| value)
}

fn by_serde_json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn same(text: &str) {
    let (one, other) = (read(text), by_serde_json(text));
    assert_eq!(one, other, "{text:?}");
    // Equal numbers may be of two kinds, and equal objects in two orders.
    let shown = |value: Option<Value>| value.map(|value| format!("{value:?}"));
    assert_eq!(shown(one), shown(other), "{text:?}");
}

/// Where readers of JSON differ from one another, and what is at the edge of what is read here.
const HARD: &[&str] = &[
    "",
    " ",
    "0",
    "-0",
    "00",
    "01",
    "-1",
    "--1",
    "1-2",
    "1.",
    ".1",
    "1.5",
    "1e5",
    "1E+5",
    "1e",
    "0x1",
    "+1",
    "1 2",
    "123456789012345678",
    "999999999999999999",
    "1234567890123456789",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "Infinity",
    "true",
    "truex",
    "tru",
    "TRUE",
    "nul",
    "null",
    "false",
    "[]",
    "[ ]",
    "[,]",
    "[1,]",
    "[1 2]",
    "[1",
    "]",
    "{}",
    "{ }",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{1:1}",
    "{\"a\"::1}",
    "{\"a\":1}}",
    "{\"a\":1,\"a\":2}",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\\"\"",
    "\"\\u12\"",
    "\"\\u0041\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\x\"",
    "\"\\\\\"",
    "\"a\\\\\\\"b\"",
    "\"\u{7f}\u{80}é😀\"",
    "\"tab\there\"",
    "\"nul\0\"",
    "\"\u{1f}\"",
    "\"\u{20}\"",
    "\u{feff}{}",
    "[1]\u{a0}",
    "[1]\u{b}",
    "\t\r\n [ 1 , 2 ]\n",
    "{\"\":\"\"}",
    "{\"a\\nb\":1}",
    "// a\n1",
    "'a'",
    "[1]\0",
    "\"12345678\"",
    "\"1234567\\\"",
    "\"1234567\n\"",
    "\"123456789012345\\n\"",
];

#[test]
fn what_is_hard_to_read_is_read_as_serde_json_reads_it() {
    for text in HARD {
        same(text);
    }
    for depth in 120..=135 {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            same(&text);
        }
    }
}

#[test]
fn a_plain_part_ends_where_a_byte_is_not_plain() {
    for length in 0..40 {
        for (end, is_plain) in [
            (b'"', false),
            (b'\\', false),
            (0x1f, false),
            (0, false),
            (0x20, true),
            (0x7f, true),
            (0x80, true),
            (0xff, true),
            (b'!', true),
            (b'#', true),
            (b'[', true),
            (b']', true),
            (0xa2, true),
            (0xdc, true),
        ] {
            let mut bytes = vec![b'a'; 40];
            bytes[length] = end;
            let expected = (!is_plain).then_some(length);
            assert_eq!(plain_length(&bytes), expected, "{length} {end}");
            // What is not plain further behind changes nothing.
            bytes.extend_from_slice(b"\"\"\"\"\"\"\"\"");
            assert_eq!(
                plain_length(&bytes),
                Some(expected.unwrap_or(40)),
                "{length} {end}"
            );
        }
    }
}

/// Whatever JSON can hold.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
        ".{0,8}[\\x00-\\x1f\"\\\\\u{7f}\u{2028}é].{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn all_values_are_read_as_serde_json_reads_them(value in any_json(), is_pretty in any::<bool>()) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        prop_assert!(by_serde_json(&text).is_some());
        same(&text);
    }

    #[test]
    fn a_text_with_a_fault_is_refused_or_read_as_serde_json_reads_it(
        value in any_json(),
        place in any::<prop::sample::Index>(),
        put in "[\\x00-\\x7f\u{a0}é]{0,2}",
        cut in 0usize..3,
    ) {
        let text: Vec<char> = serde_json::to_string(&value).unwrap().chars().collect();
        let place = place.index(text.len());
        let (before, after) = text.split_at(place);
        let after = after.get(cut..).unwrap_or_default();
        let text: String = before.iter().chain(&put.chars().collect::<Vec<_>>()).chain(after).collect();
        same(&text);
    }

    #[test]
    fn any_text_is_refused_or_read_as_serde_json_reads_it(text in "[\\[\\]{}:,\"\\\\0-9eE.+\\-truefalsn \\n\\t\u{0}é]{0,24}") {
        same(&text);
    }
}
