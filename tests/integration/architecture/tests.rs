//! Holds the tests to what they say: none measures time, and none draws inputs that nobody can draw again or leaves them unread.

use super::sources::{code, files};

const REFUSED: &[(&str, &str)] = &[
    (
        ".elapsed()",
        "speed is measured in `benches/`; count what is done, or let the test end",
    ),
    (
        "TestRunner::default()",
        "use `support::property::samples`, which prints its seed",
    ),
    (
        "return Ok(())",
        "use `support::property::holds`, which counts the inputs that are claimed anything of",
    ),
    (
        "prop_assume!",
        "use `support::property::holds`, which counts the inputs that are claimed anything of",
    ),
];

#[test]
fn tests_repeat_what_they_draw_and_measure_no_time() {
    let mut wrong = Vec::new();
    for (file, text) in files("tests/integration") {
        let code = code(&text);
        for (refused, help) in REFUSED {
            if code.contains(refused) {
                wrong.push(format!("{}: `{refused}`: {help}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
