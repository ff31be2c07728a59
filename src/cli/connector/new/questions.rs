//! Asks the questions of `connector new`. In a terminal, a wrong answer is asked for again.

use std::fmt::Display;
use std::io::{BufRead as _, Read as _};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::connector::is_id;
use crate::import::{Api, asked};

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

/// The API and id that the answers describe.
pub(super) struct Answers {
    pub(super) id: String,
    pub(super) api: Api,
}

/// Asks all questions, in a fixed order.
pub(super) fn ask(context: &Context, id: Option<&str>) -> Result<Answers, Failure> {
    let valid = |text: &str| {
        if is_id(text) {
            Ok(text.to_owned())
        } else {
            Err("ids are `[a-z][a-z0-9_-]*`, at most 64 long".to_owned())
        }
    };
    let id = match id {
        Some(id) => valid(id).map_err(Failure::usage)?,
        None => until_good(
            context,
            "What is the connector called? It is the first part of every action.\n  id: ",
            valid,
        )?,
    };
    let place = until_good(
        context,
        "Where is the API?\n  URL, as https://api.example.com/v1: ",
        |text| {
            let mut api = Api::default();
            api.at(text).map(|()| api)
        },
    )?;
    let how = "How do its requests authenticate?\n  bearer, basic, header NAME, query NAME, or none [bearer]: ";
    let way = until_good(context, how, |text| {
        asked::way(if text.is_empty() { "bearer" } else { text })
    })?;
    context.output.prompt(
        "What can be asked of it? One request a line, below that URL: `GET /tickets/{id}`, `POST /tickets title queue` with\n\
         the names in its body, or a `curl` command. An empty line ends.\n",
    );
    let mut requests = Vec::new();
    loop {
        let seen = read(context, "  request: ", |text| {
            if text.is_empty() {
                Ok(None)
            } else {
                asked::request(text).map(Some)
            }
        })?;
        match seen {
            Some(Some(seen)) => requests.push(seen),
            Some(None) | None => break,
        }
    }
    if requests.is_empty() {
        return Err(Failure::usage(
            "a connector needs a request that it understands",
        ));
    }
    Ok(Answers {
        id,
        api: asked::api(place, way, &requests),
    })
}

/// Asks until the answer is good; input that ends is an error.
fn until_good<T, E: Display>(
    context: &Context,
    question: &str,
    good: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    read(context, question, good)?
        .ok_or_else(|| Failure::usage("the answers end before everything was asked"))
}

/// Asks until the answer is good. `None` at the end of the input.
fn read<T, E: Display>(
    context: &Context,
    question: &str,
    good: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    loop {
        context.output.prompt(question);
        let mut line = String::new();
        let read = std::io::stdin()
            .lock()
            .take(MAX_ANSWER)
            .read_line(&mut line);
        let bytes = read.map_err(|error| {
            Failure::failed("input", format!("standard input cannot be read: {error}"))
        })?;
        if bytes == 0 {
            return Ok(None);
        }
        match good(line.trim()) {
            Ok(value) => return Ok(Some(value)),
            Err(problem) if context.process.stdin_is_terminal => {
                context.output.note(&format!("  {problem}"))
            }
            Err(problem) => return Err(Failure::usage(problem.to_string())),
        }
    }
}
