//! Conditions that would stall, fill memory, panic or overflow the stack: refused, or answered in time.

use tollgate::expression::{Outcome, ProgramDraft};
use tollgate::model::action::Parameter;
use tollgate::model::value::Value;

use super::conditions::{answer, environment, request};

#[test]
fn refuses_what_could_stall_or_fill_memory() {
    for source in [
        "params.labels.all(x, params.more.all(y, x != y))",
        "params.big.replace('', params.big).replace('', params.big) == ''",
        "params.labels.map(x, params.labels).exists(y, y == params.more)",
        "params.labels.map(x, params.big + params.big + params.big + params.big).size() > 1",
        "params.labels.all(x, params.labels.join(x) != '')",
        "params.big.split('').map(c, params.big.split('')).size() > 1",
        "params.labels.all(x, x.matches('a') || x.matches('b') || x.matches('c') || x.matches('d') || x.matches('e') || x.matches('f') || x.matches('g') || x.matches('h'))",
    ] {
        assert!(
            ProgramDraft::parse(source)
                .and_then(|draft| draft.check(&environment()))
                .is_err(),
            "{source}"
        );
    }
}

#[test]
fn the_costliest_accepted_condition_ends() {
    let mut large = request();
    let text = "a".repeat(8_192);
    let list = Value::list(vec![text.as_str().into(); 1_000]);
    large.params.set(Parameter {
        name: "labels".into(),
        value: list,
        secret: false,
    });
    for source in [
        "params.labels.exists(l, l.matches('(a|aa)*b$'))",
        "params.labels.exists(l, l.lowerAscii().contains('b'))",
        "params.labels.map(l, l.upperAscii()).exists(l, l == 'b')",
    ] {
        let draft = ProgramDraft::parse(source).unwrap();
        draft.check(&environment()).unwrap();
        let program = draft.finish();
        // An engine that backtracks would not return.
        assert_eq!(program.evaluate(&large), Outcome::False);
    }
}

#[test]
fn odd_arguments_and_the_deepest_trees_get_an_answer() {
    let texts = ["params.project", "''", "'é€'", "'a,b'"];
    let numbers = [
        "-1",
        "0",
        "3",
        "99",
        "9223372036854775807",
        "-9223372036854775807 - 1",
    ];
    let mut sources = Vec::new();
    for text in texts {
        for number in numbers {
            for call in [
                "substring(N)",
                "substring(N, 2)",
                "substring(1, N)",
                "charAt(N)",
                "indexOf('b', N)",
                "lastIndexOf('', N)",
            ] {
                sources.push(format!(
                    "{text}.{} != {text}.{}",
                    call.replace('N', number),
                    call.replace('N', number)
                ));
            }
            sources.push(format!("{text}.split('', {number}).size() > 1"));
            sources.push(format!(
                "{text}.split(',', {number}).join('-').reverse() == ''"
            ));
            sources.push(format!("{text}.replace('', 'x', {number}) == ''"));
        }
    }
    for number in numbers {
        sources.push(format!("-({number}) == 1 || {number} * {number} > 1 || {number} % -1 == 0 || {number} / -1 == 0"));
        sources.push(format!(
            "timestamp({number}) > request.time || uint({number}) == 1u || string({number}) == ''"
        ));
        sources.push(format!(
            "[1, 2][{number}] == 1 || double({number}) / 0.0 > 1.0"
        ));
    }
    for source in [
        "int(1e300) == 1",
        "int(0.0 / 0.0) == 1",
        "0.0 / 0.0 == 0.0 / 0.0",
        "int('x') == 1",
        "duration('1000000h') + duration('99999999999s') > duration('1s')",
        "timestamp('9999-12-31T23:59:59Z') + duration('1s') > request.time",
        "request.time.getHours('-99:99') == 1",
        "bool('x')",
        "double('nan') < 1.0",
    ] {
        sources.push(source.to_owned());
    }
    sources.push(format!("1{} == 60", "+1".repeat(59)));
    sources.push(format!(
        "{}true{}",
        "(true ? ".repeat(50),
        " : false)".repeat(50)
    ));
    sources.push(format!("{}true", "!".repeat(60)));
    for source in sources {
        let Ok(draft) = ProgramDraft::parse(&source) else {
            continue;
        };
        if draft.check(&environment()).is_ok() {
            let _ = draft.finish().evaluate(&request());
        }
    }
    assert_eq!(
        answer(&format!("1{} == 60", "+1".repeat(59))),
        Outcome::True
    );
}

#[test]
fn the_deepest_tree_fits_a_quarter_of_a_workers_stack() {
    let deepest = [
        format!("1{} == 60", "+1".repeat(59)),
        format!("{}(params.project == 'OPS')", "!".repeat(60)),
        format!(
            "{}true{}",
            "(agent.name == 'devops' ? ".repeat(40),
            " : false)".repeat(40)
        ),
        format!(
            "{}params.project == 'OPS'{}",
            "(true && ".repeat(40),
            ")".repeat(40)
        ),
        format!("params.project{} != ''", ".lowerAscii()".repeat(60)),
        format!(
            "{}1{} == {}1{}",
            "[".repeat(55),
            "]".repeat(55),
            "[".repeat(55),
            "]".repeat(55)
        ),
    ];
    for source in deepest {
        let draft =
            ProgramDraft::parse(&source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let small = std::thread::Builder::new().stack_size(512 * 1024);
        let evaluated = small.spawn(move || {
            draft
                .check(&environment())
                .unwrap_or_else(|error| panic!("{error}"));
            draft.finish().evaluate(&request())
        });
        assert_eq!(
            evaluated.unwrap().join().unwrap(),
            Outcome::True,
            "{source}"
        );
    }
}
