//! Runs `dashboard`: prints a link that signs in once, and opens it in a browser.
//!
//! INVARIANT: the secret of the link is in no argument of a process, which every user of the machine can read.

use std::path::Path;
use std::process::Stdio;

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::args::DashboardArgs;
use super::control::{self, Control};
use super::failure::{Exit, Failure, Outcome};
use super::state;

/// Programs that open a file, on Linux and macOS.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

pub(super) async fn run(context: &Context, args: &DashboardArgs) -> Outcome {
    let gateway = Control::client(context)?;
    let mut answer = gateway
        .send(Method::POST, "/sign-in/links", Some(&json!({})))
        .await?;
    let links = answer.get("links").and_then(Json::as_array);
    let links = links.into_iter().flatten().filter_map(Json::as_str);
    let mut links: Vec<String> = links.map(str::to_owned).collect();
    // The gateway names its own addresses, which need not be how this machine reaches it.
    if let Some(origin) = gateway.origin() {
        let paths = links.iter().filter_map(|link| path(link));
        links = paths
            .map(|path| format!("{origin}{path}"))
            .take(1)
            .collect();
    }
    links.retain(|link| is_plain(link));
    let Some(link) = links.first().cloned() else {
        let detail = "the gateway has no port for its dashboard, only a socket";
        return Err(Failure::failed("no_port", detail)
            .help("name one, `admin: { listen: [\"127.0.0.1:7071\"] }`, and restart the gateway"));
    };
    if context.output.is_json() {
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("links".to_owned(), json!(links));
        }
        context.output.document(&answer)?;
        return Ok(Exit::Done);
    }
    context.output.line(&link)?;
    context.output.note("The link works once, for a minute. It signs you in as the operator whose token this command uses.");
    if !args.no_open && context.process.has_terminal {
        open(context, &link);
    }
    Ok(Exit::Done)
}

/// Returns whether a link is an address whose characters mean nothing to HTML or to a terminal.
fn is_plain(link: &str) -> bool {
    let means_nothing = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>&`".contains(&byte);
    link.starts_with("http") && link.bytes().all(means_nothing)
}

/// Returns path and fragment of a link.
fn path(link: &str) -> Option<&str> {
    let (_, rest) = link.split_once("://")?;
    rest.get(rest.find('/')?..)
}

/// Opens a link where the machine has a program for it; without one, the printed link is enough.
fn open(context: &Context, link: &str) {
    let Some(file) = control::sign_in_file(context) else {
        return;
    };
    if write(&file, link).is_err() {
        return;
    }
    for opener in OPENERS {
        let mut command = std::process::Command::new(opener);
        let command = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}

/// Writes a page that only this user can read and that leads on to the link. What the one before led to is used up, or is over.
fn write(file: &Path, link: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        state::create_private(folder)?;
    }
    state::write(file, page(link).as_bytes(), state::Access::Owner)
}

/// Returns a page that leads on to a plain link.
fn page(link: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\"><title>Tollgate</title><meta http-equiv=\"refresh\" content=\"0;url={link}\">\n"
    )
}
