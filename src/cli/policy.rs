//! Runs `policy check` and `policy test`: policy files against the connectors, and the tests that they contain.

use super::Context;
use super::args::{CheckFormat, PolicyCommand, PolicyDirectory};
use super::check::{self, Strictness, Tests};
use super::failure::Outcome;

pub(super) async fn run(context: &Context, command: PolicyCommand) -> Outcome {
    let format = if context.output.is_json() {
        CheckFormat::Json
    } else {
        CheckFormat::Text
    };
    let (target, tests) = match &command {
        PolicyCommand::Check(target) => (target, Tests::None),
        PolicyCommand::Test(target) => (target, Tests::Policies),
    };
    let PolicyDirectory { dir } = target;
    let found = check::examine_gathered(context, dir.as_deref(), &tests).await?;
    check::finish(context, &found, format, Strictness::Errors)
}
