//! Runs `connector new`: writes a connector file from a person's answers or `curl` commands, after testing it.

mod questions;

use std::io::Read as _;

use serde_json::json;

use super::import::{Wanted, accepted, hand_over, told};
use crate::cli::Context;
use crate::cli::args::NewConnector;
use crate::cli::failure::{Failure, Outcome};
use crate::import::{Api, curl};

/// The longest command, in bytes.
const MAX_COMMAND: u64 = 1024 * 1024;

pub(super) fn run(context: &Context, args: &NewConnector) -> Outcome {
    let (id, api) = if args.from_curl.is_empty() {
        let answers = questions::ask(context, args.id.as_deref())?;
        (answers.id, answers.api)
    } else {
        let api = from_curl(args)?;
        (args.id.clone().unwrap_or_else(|| api.suggested_id()), api)
    };
    let origin = if args.from_curl.is_empty() {
        "answers"
    } else {
        "a command"
    };
    let made = accepted(
        context,
        &Wanted {
            api: &api,
            id: &id,
            origin,
            out: args.out.as_deref(),
        },
    )?;
    hand_over(context, args.out.as_deref(), &made.drafted.text)?;
    let facts = json!({
        "id": id, "file": args.out, "routes": made.drafted.routes, "judge": made.drafted.judge,
    });
    told(
        context,
        facts,
        args.out.is_none().then_some(made.drafted.text.as_str()),
        &made.found,
    )
}

fn from_curl(args: &NewConnector) -> Result<Api, Failure> {
    let mut commands = Vec::new();
    for text in &args.from_curl {
        let command = if text == "-" {
            curl::read(&piped()?)
        } else {
            curl::read(text)
        };
        commands.push(command.map_err(|error| Failure::usage(error.to_string()))?);
    }
    Ok(curl::api(&commands))
}

/// Reads a command that is not an argument, which other processes of the machine would see.
fn piped() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_COMMAND)
        .read_to_string(&mut text)
        .map_err(|error| {
            Failure::failed("input", format!("standard input cannot be read: {error}"))
        })?;
    Ok(text)
}
