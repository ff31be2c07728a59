//! Text to tree: shapes, messages, and texts that would end a careless process.

use proptest::prelude::{any, prop, proptest};
use tollgate::expression::{Literal, Node, parse};

fn message(source: &str) -> String {
    let error = parse(source).unwrap_err();
    format!("{} @{:?}", error.message, error.offset)
}

fn name(text: &str) -> Box<Node> {
    Box::new(Node::Name(text.to_owned()))
}

#[test]
fn reads_paths_and_literal_keys_as_fields() {
    let expected = Node::Field(
        Box::new(Node::Field(name("body"), "a".to_owned())),
        "b-c".to_owned(),
    );
    assert_eq!(parse("body.a['b-c']").unwrap(), expected);
    assert_eq!(
        parse("has(body.a)").unwrap(),
        Node::Has(name("body"), "a".to_owned())
    );
}

#[test]
fn reads_operators_by_their_spelling() {
    let Node::Call {
        function,
        target,
        args,
    } = parse("body.id in ['31', 31]").unwrap()
    else {
        panic!()
    };
    assert_eq!((function.as_str(), target, args.len()), ("in", None, 2));
    assert_eq!(
        args[1],
        Node::List(vec![
            Node::Literal(Literal::Text("31".into())),
            Node::Literal(Literal::Int(31))
        ])
    );
    let Node::Call { function, args, .. } = parse("!has(a.b) && c == -1").unwrap() else {
        panic!()
    };
    assert_eq!(function, "&&");
    let Node::Call { function, args, .. } = &args[1] else {
        panic!()
    };
    assert_eq!(
        (function.as_str(), &args[1]),
        ("==", &Node::Literal(Literal::Int(-1)))
    );
    let Node::Call {
        function, target, ..
    } = parse("a.startsWith('x')").unwrap()
    else {
        panic!()
    };
    assert_eq!((function.as_str(), target), ("startsWith", Some(name("a"))));
    assert_eq!(parse("a.all(x, x)").unwrap(), Node::Other("comprehension"));
}

#[test]
fn says_what_is_wrong_and_where() {
    let texts = [
        "a ==",
        "a = 1",
        "'é' == =",
        "",
        "a.?b",
        "a.all(x, b.all(y, true))",
        "'a",
        "a b",
        "has(a)",
        "a..b",
    ];
    let messages: Vec<_> = texts.map(message).into();
    insta::assert_snapshot!(messages.join("\n"), @r"
    the expression ends too early @Some(4)
    cannot read `=` @Some(2)
    cannot read `=` @Some(7)
    the expression is empty @None
    unsupported syntax `.?` @Some(1)
    a comprehension is inside another one @None
    cannot read `a` @Some(0)
    unexpected `b` @Some(2)
    invalid argument to has() macro @Some(4)
    unexpected `..` @Some(2)
    ");
}

#[test]
fn survives_chains_and_nesting_of_any_length() {
    let shapes: &[(&str, &str, &str)] = &[
        ("1", "+1", ""),
        ("1", "==1", ""),
        ("a", "[0]", ""),
        ("a", ".a", ""),
        ("a", ".size()", ""),
        ("a", " in a", ""),
        ("", "(", ""),
        ("", "[", ""),
        ("", "{1:", ""),
        ("", "-", "1"),
        ("", "!", "a"),
        ("", "a?b:", "c"),
        ("", "f(", ""),
        ("a", "&&a", ""),
        ("a", "||a", ""),
        ("", "\"", ""),
        ("", "\\", ""),
        ("", "a{", ""),
        ("", ".", ""),
        ("", "a.all(x,", ""),
        ("", "has(", ""),
        ("", "((a)+", ""),
    ];
    for (head, link, tail) in shapes {
        for length in [3_000, 2_040 / link.len(), 400, 100] {
            let source = format!("{head}{}{tail}", link.repeat(length));
            // What tries each way to read this does not return.
            let _ = parse(&source);
        }
    }
    for link in ["+1", "[0]", "==1"] {
        assert!(parse(&format!("1{}", link.repeat(600))).is_err());
        assert!(parse(&format!("1{}", link.repeat(60))).is_ok());
    }
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(source in ".{0,200}", tokens in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let words = ["a", ".", "(", ")", "[", "]", "+", "&&", "'x'", "1", "-", "!", "?", ":", ",", "has", "all", "in", "{", "}", "r'", "0x"];
        let _ = parse(&source);
        let text: Vec<_> = tokens.iter().map(|index| *index.get(&words)).collect();
        let _ = parse(&text.join(" "));
    }
}
