//! Runs `dashboard`: prints a link that signs in once, and opens it in a browser.

use std::process::Stdio;

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::args::DashboardArgs;
use super::control::Control;
use super::failure::{Exit, Failure, Outcome};

/// Programs that open a link, on Linux and macOS.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

pub(super) async fn run(context: &Context, args: &DashboardArgs) -> Outcome {
    let gateway = Control::client(context)?;
    let answer = gateway
        .send(Method::POST, "/sign-in/links", Some(&json!({})))
        .await?;
    let links = answer.get("links").and_then(Json::as_array);
    let Some(link) = links.and_then(|links| links.first()).and_then(Json::as_str) else {
        let detail = "the gateway has no port for its dashboard, only a socket";
        return Err(Failure::failed("no_port", detail)
            .help("name one, `admin: { listen: [\"127.0.0.1:7071\"] }`, and restart the gateway"));
    };
    if context.output.is_json() {
        context.output.document(&answer)?;
        return Ok(Exit::Done);
    }
    context.output.line(link)?;
    context.output.note("The link works once, for a minute. It signs you in as the operator whose token this command uses.");
    if !args.no_open && context.process.has_terminal {
        open(link);
    }
    Ok(Exit::Done)
}

/// Opens a link where the machine has a program for it; without one, the printed link is enough.
fn open(link: &str) {
    for opener in OPENERS {
        let mut command = std::process::Command::new(opener);
        let command = command
            .arg(link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}
