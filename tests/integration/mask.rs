//! No form of a secret value leaves the mask, and everything else passes as it came.

pub(crate) mod coding;
pub(crate) mod encodings;
mod frames;

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, prop_assert_eq, prop_oneof};
use tollgate::mask::{PatternSet, Reflections, StreamMask};
use tollgate::model::on_reflect::OnReflect;
use tollgate::model::secret::Secret;

use crate::support::property::{self, Cases, Claim};
use encodings::{Spelling, spelling};

pub(crate) const KEY: &str = "ghp_S3cret/with+signs==0123456789";

/// A document, and what must become of it.
#[derive(Debug, Clone, Default)]
struct Document {
    text: Vec<u8>,
    masked: Vec<u8>,
    /// How many secrets it holds.
    count: u64,
}

/// A part of a document.
#[derive(Debug, Clone)]
enum Part {
    Noise(Vec<u8>),
    /// A secret by its number, in a spelling.
    Secret(usize, Spelling),
    /// The begin of a secret, of so many hundredths of its length, without the rest.
    Begin(usize, u8),
}

fn set(values: &[&str], on_reflect: OnReflect) -> Arc<PatternSet> {
    let values = values
        .iter()
        .map(|value| (Secret::new(value.as_bytes().to_vec()), on_reflect));
    Arc::new(PatternSet::new(values).unwrap())
}

/// Masks a document in pieces of these sizes, over and over.
fn stream(set: &Arc<PatternSet>, text: &[u8], sizes: &[usize]) -> (Vec<u8>, Reflections) {
    let mut mask = StreamMask::new(Arc::clone(set));
    let mut out = Vec::new();
    for piece in pieces(text, sizes) {
        out.extend_from_slice(&mask.take(piece));
    }
    out.extend_from_slice(&mask.finish());
    (out, mask.reflections())
}

fn pieces(text: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(text);
    let mut sizes = sizes.iter().cycle();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).clamp(1, rest.len());
        pieces.push(rest.split_to(size));
    }
    pieces
}

fn document(secrets: &[String], parts: &[Part]) -> Document {
    let mut document = Document::default();
    for part in parts {
        match part {
            Part::Noise(noise) => {
                document.text.extend_from_slice(noise);
                document.masked.extend_from_slice(noise);
            }
            Part::Secret(number, spelling) => {
                let secret = &secrets[number % secrets.len()];
                let (text, masked) = spelling.write(secret.as_bytes());
                // A backslash before a secret may be read as an escape of its first character.
                if document.text.ends_with(b"\\") {
                    document.text.push(b'\n');
                    document.masked.push(b'\n');
                }
                document.text.extend_from_slice(&text);
                document.masked.extend_from_slice(&masked);
                document.count += 1;
            }
            Part::Begin(number, part) => {
                let secret = secrets[number % secrets.len()].as_bytes();
                let begin = &secret[..(secret.len() - 1) * usize::from(*part) / 100];
                document.text.extend_from_slice(begin);
                document.masked.extend_from_slice(begin);
                // What follows must not complete it by chance.
                document.text.push(b'\n');
                document.masked.push(b'\n');
            }
        }
    }
    document
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_]{12,40}",
        "[A-Za-z0-9+/]{20,60}={0,2}",
        "[ -~]{10,30}[A-Z]{8}",
        "[A-Z]{8}[a-zäöü€😀]{4,8}[0-9]{4}",
        "-----BEGIN KEY-----\n[A-Za-z0-9+/]{30}\n-----END KEY-----",
    ]
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    const SNIPPETS: &[&str] = &[
        "\\",
        "%",
        "&",
        "\\\\",
        "\\n",
        "\\\"",
        "%20",
        "%2",
        "&amp;",
        "&#x2F;",
        "&#",
        "\\u00e9",
        "\\u0",
        "\"",
        "{\"a\":",
        "\r\n\r\n",
        "data: ",
        "https:\\/\\/example.com\\/a%2Fb?c=d&e=f",
        "AAAA",
        "====",
        "Zm9v",
        "\\\\\\",
        "%25",
        "\0",
    ];
    let snippet = prop::sample::select(SNIPPETS).prop_map(|text| text.as_bytes().to_vec());
    let words = "[a-z ,.:]{0,60}".prop_map(String::into_bytes);
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![4 => snippet, 2 => words, 1 => bytes]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => noise().prop_map(Part::Noise),
        3 => (any::<usize>(), spelling()).prop_map(|(number, spelling)| Part::Secret(number, spelling)),
        1 => (any::<usize>(), 1..100_u8).prop_map(|(number, part)| Part::Begin(number, part)),
    ]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(1..6_usize, 1..6),
        prop::collection::vec(1..200_usize, 1..6),
        prop::collection::vec(500..5000_usize, 1..3),
    ]
}

#[test]
fn no_form_passes_and_all_else_is_as_it_was_in_pieces_of_any_size() {
    let inputs = (
        prop::collection::vec(secret(), 1..4),
        prop::collection::vec(part(), 1..14),
        sizes(),
    );
    property::holds(
        Cases::given(500).claimed(300),
        &inputs,
        |(secrets, parts, sizes)| {
            let document = document(&secrets, &parts);
            let known: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let (out, reflections) = stream(&set(&known, OnReflect::Mask), &document.text, &sizes);
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            prop_assert_eq!(shown(&out), shown(&document.masked));
            prop_assert_eq!(&out, &document.masked);
            prop_assert_eq!(reflections.count > 0, document.count > 0);
            Ok(if document.count > 0 {
                Claim::Made
            } else {
                Claim::None
            })
        },
    );
}

#[test]
fn each_spelling_of_a_value_is_found_once() {
    let set = set(&[KEY], OnReflect::Mask);
    for (written, masked) in [
        (
            format!("Bearer {KEY}"),
            format!("Bearer {}", "*".repeat(KEY.len())),
        ),
        (r"ghp_S3cret\/with+signs==0123456789".into(), "*".repeat(34)),
        (
            r"ghp_S3cret\\\/with\\u002bsigns==0123456789".into(),
            "*".repeat(42),
        ),
        (
            "ghp_S3cret%2Fwith%2bsigns%3D%3D0123456789".into(),
            "*".repeat(41),
        ),
        (
            "ghp_S3cret%252Fwith%252Bsigns%253D%253D0123456789".into(),
            "*".repeat(49),
        ),
        (
            "ghp_S3cret&#x2F;with&#43;signs&#x3d;=0123456789".into(),
            "*".repeat(47),
        ),
        (
            "ghp_S3cret&amp;#x2F;with+signs==0123456789".into(),
            "*".repeat(42),
        ),
    ] {
        let (out, reflections) = stream(&set, written.as_bytes(), &[7]);
        assert_eq!(String::from_utf8_lossy(&out), masked, "{written}");
        assert_eq!(
            (reflections.count, reflections.worst),
            (1, Some(OnReflect::Mask)),
            "{written}"
        );
    }
}

#[test]
fn secrets_that_overlap_are_both_hidden() {
    let set = set(
        &["abcdefghijkl", "ghijklmnopqr", "jklm", "ijkl-mnop"],
        OnReflect::Mask,
    );
    for size in 1..8 {
        let (out, reflections) = stream(&set, b"<abcdefghijklmnopqr>", &[size]);
        assert_eq!(
            String::from_utf8_lossy(&out),
            format!("<{}>", "*".repeat(18)),
            "{size}"
        );
        assert_eq!(reflections.count, 1);
    }
}

#[test]
fn a_repetition_that_never_ends_is_masked_as_it_passes() {
    let set = set(&["aaaaaaaaaaaa"], OnReflect::Mask);
    let mut mask = StreamMask::new(set);
    let mut passed = 0;
    for round in 1..200 {
        let out = mask.take(Bytes::from_static(&[b'a'; 100]));
        assert!(out.iter().all(|byte| *byte == b'*'));
        passed += out.len();
        assert!(round * 100 - passed < 12, "what is held stays small");
    }
    assert_eq!(mask.reflections().count, 1);
}

#[test]
fn a_piece_without_a_secret_passes_without_a_copy() {
    let mut mask = StreamMask::new(set(&[KEY], OnReflect::Mask));
    let piece = Bytes::from(r#"{"url":"https:\/\/example.com\/a%2Fb","text":"no\nsecret"}"#);
    let passed = mask.take(piece.clone());
    assert_eq!(
        (passed.as_ptr(), passed.len()),
        (piece.as_ptr(), piece.len())
    );
    assert!(mask.finish().is_empty());
}

#[test]
fn an_event_is_not_held_back() {
    let set = set(
        &[KEY, "-----BEGIN KEY-----\nabc\n-----END KEY-----"],
        OnReflect::Mask,
    );
    for event in [
        "data: {\"token\": \"a\"}\n\n",
        "data: g\n\n",
        "data: \\u0067hp\\n\n\n",
        "{\"a\":1}\n",
    ] {
        let mut mask = StreamMask::new(Arc::clone(&set));
        assert_eq!(
            mask.take(Bytes::from_static(event.as_bytes())),
            event,
            "{event}"
        );
    }
}

#[test]
fn what_is_only_flagged_passes_and_the_strictest_reaction_is_told() {
    let (out, reflections) = stream(&set(&[KEY], OnReflect::Flag), KEY.as_bytes(), &[5]);
    assert_eq!(out, KEY.as_bytes());
    assert_eq!(
        (reflections.count, reflections.worst),
        (1, Some(OnReflect::Flag))
    );
    let secret = |text: &str| Secret::from(text.to_owned());
    let both = [
        (secret("flagged-value"), OnReflect::Flag),
        (secret("blocked-value"), OnReflect::Block),
    ];
    let both = Arc::new(PatternSet::new(both).unwrap());
    let (out, reflections) = stream(&both, b"flagged-value blocked-value", &[100]);
    assert_eq!(out, b"flagged-value *************");
    assert!(reflections.is_blocked());
}
