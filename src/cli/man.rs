//! Runs `man`: writes a manual page for each command, from the same words as its help.

use super::Context;
use super::args::{Man, command};
use super::failure::{Exit, Failure, Outcome};
use crate::model::show::escape;

pub(super) fn run(context: &Context, args: &Man) -> Outcome {
    let directory = context.process.directory.join(&args.out);
    let shown = args.out.display().to_string();
    clap_mangen::generate_to(command(), &directory).map_err(|error| {
        let detail = format!("`{}` cannot be written: {error}", escape(&shown));
        Failure::failed("unwritable", detail)
    })?;
    context.output.line(&format!(
        "wrote manual pages to `{0}`; try `man {0}/tollgate.1`",
        escape(&shown)
    ))?;
    Ok(Exit::Done)
}
