//! Runs `completions`: prints the completion script of a shell.

use super::Context;
use super::args::{Completions, command};
use super::failure::{Exit, Failure, Outcome};

pub(super) fn run(context: &Context, args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "tollgate", &mut script);
    let script = String::from_utf8(script)
        .map_err(|_| Failure::failed("completions", "the script is not UTF-8"))?;
    context.output.raw(&script)?;
    Ok(Exit::Done)
}
