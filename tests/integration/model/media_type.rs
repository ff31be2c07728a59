//! What a `Content-Type` says, however it is spelled.

use tollgate::model::media_type::{MediaType, essence, is_json};

#[test]
fn a_media_type_has_one_spelling_without_parameters() {
    for (text, expected) in [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("\tapplication/json ;charset=utf-8", "application/json"),
        ("application/vnd.a+JSON", "application/vnd.a+json"),
        // Not well-formed, and read by servers all the same.
        ("text/HTML; =", "text/html"),
        ("json", "json"),
        ("", ""),
    ] {
        assert_eq!(MediaType::read(text).essence(), expected, "{text:?}");
        assert_eq!(essence(text), expected, "{text:?}");
        assert!(MediaType::read(text).is(expected), "{text:?}");
    }
    assert!(!MediaType::read("application/jsonx").is("application/json"));
}

#[test]
fn only_charsets_that_every_reader_takes_for_the_same_text_are_utf8() {
    for text in [
        "",
        "text/plain",
        "text/plain;",
        "text/plain; charset=utf-8",
        "text/plain;CHARSET=UTF8",
        "text/plain; charset=\"utf-8\"",
        "text/plain; charset=\"UTF\\-8\"; format=flowed",
        "text/plain; charset=us-ascii;",
        // The charset is in a value.
        "text/plain; x=\"; charset=utf-16\"",
    ] {
        assert!(MediaType::read(text).is_utf8(), "{text:?}");
    }
    for text in [
        "text/plain; charset=utf-16",
        "text/plain; charset=utf-8; charset=utf-7",
        "text/plain; charset=utf-7; charset=utf-8",
        "text/plain; charset=\"utf-8 \"",
        "text/plain; charset=\"utf-16\"",
        "text/plain; charset=",
        // Nobody knows what a server makes of these.
        "text/plain; charset = utf-16",
        "text/plain; charset=utf-8;; x",
        "text/plain charset=utf-16",
        "charset=utf-16",
    ] {
        assert!(!MediaType::read(text).is_utf8(), "{text:?}");
    }
}

#[test]
fn parameters_are_found_whatever_their_case_and_quotes() {
    let values = |text: &str| {
        let read = MediaType::read(text);
        let found: Vec<String> = read
            .params("boundary")
            .map(|value| value.into_owned())
            .collect();
        found
    };
    assert_eq!(values("multipart/form-data; boundary=a"), ["a"]);
    assert_eq!(
        values("multipart/form-data; Boundary=\"a=b\"; x=y"),
        ["a=b"]
    );
    assert_eq!(
        values("multipart/form-data; boundary=a; boundary=b"),
        ["a", "b"]
    );
    assert_eq!(values("multipart/form-data; x=\"; boundary=a\""), [""; 0]);
    // An equals sign must be quoted (RFC 9110 section 5.6.2).
    assert_eq!(values("multipart/form-data; boundary==a"), [""; 0]);
    let only = |text: &str| !MediaType::read(text).has_other_params("charset");
    assert!(only("text/plain") && only("text/plain; charset=x"));
    assert!(!only("text/plain; charset=x; y=z") && !only("text/plain; ="));
}

#[test]
fn json_has_three_forms() {
    for text in ["application/json", "a/b+json", "application/x-amz-json-1.1"] {
        assert!(is_json(text), "{text}");
    }
    for text in [
        "json",
        "application/jsonp",
        "application/json5",
        "a/ json",
        "/json",
        "text/plain",
    ] {
        assert!(!is_json(text), "{text}");
    }
    assert!(MediaType::read("Application/VND.x+JSON; v=1").is_json());
}

#[test]
fn a_type_begins_with_another() {
    assert!(MediaType::read("application/gRPC+proto").starts_with("application/grpc"));
    assert!(!MediaType::read("application/grp").starts_with("application/grpc"));
    assert!(!MediaType::read("x; application/grpc").starts_with("application/grpc"));
}
