//! Reads the request that a `curl` command makes. Of its credentials, only their placement is kept.
//!
//! INVARIANT: of the command's values only host, path segments that look like words, names, and what GraphQL and JSON-RPC call get out.

mod credential;
mod option;
mod parts;
mod payload;
mod request;
mod word;
mod written;

use super::api::{Api, Mark, Operation, RequestPart, Server, Way};
use super::names::parameter;
use super::observed::{self, Patterns, Seen};
use written::Written;

pub(crate) use payload::names;
pub use request::{CurlRequest, request};

/// What a command says.
#[derive(Debug, Default)]
pub struct Command {
    /// What it asks for.
    pub seen: Seen,
    /// Which parts of it, where it may hold several.
    pub(crate) parts: Vec<RequestPart>,
    /// Server that the command calls.
    pub(crate) server: Server,
    /// How it authenticates; nothing where it shows no credential.
    pub(crate) way: Option<Way>,
    /// What a person must look at.
    pub(crate) judge: Vec<String>,
}

/// Why a command cannot be read. No message holds a value of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurlError {
    /// Its escapes are those of another shell.
    #[error("the command is written for Windows' cmd: copy it as cURL (bash)")]
    WindowsCmd,
    /// The shell would wait for more.
    #[error("a quote of the command is not closed")]
    OpenQuote,
    /// There is no word in it.
    #[error("the command is empty")]
    Empty,
    /// It runs another program.
    #[error("the command does not begin with `curl`")]
    NotCurl,
    /// It asks for several things, or for nothing.
    #[error("the command has {0} URLs; it must have one")]
    Urls(usize),
    /// The URL is not one of HTTP, or its host is a variable.
    #[error("the command's URL must begin with https:// and have its host written out")]
    Url,
    /// What the option does is not known.
    #[error("the option `{0}` of curl is not known here; leave it out")]
    UnknownOption(String),
    /// The option needs a value.
    #[error("nothing follows `{0}`")]
    NoValue(String),
    /// It makes several requests.
    #[error("give each request as a command of its own: `--from-curl` may be there several times")]
    Next,
}

/// Reads a command.
///
/// # Errors
/// What cannot be read of it.
pub fn read(command: &str) -> Result<Command, CurlError> {
    let written = split(command)?;
    let [url] = written.urls.as_slice() else {
        return Err(CurlError::Urls(written.urls.len()));
    };
    let mut command = Command::default();
    let query = place(url, &mut command)?;
    understand(&written, query, &mut command);
    Ok(command)
}

/// Splits a command into its options.
fn split(command: &str) -> Result<Written, CurlError> {
    // Chrome's "Copy as cURL (cmd)": `^` escapes what `\` does elsewhere.
    if command.contains("^\"") || command.contains("^\n") || command.contains("^\r\n") {
        return Err(CurlError::WindowsCmd);
    }
    let words = word::words(command.trim()).ok_or(CurlError::OpenQuote)?;
    let (program, rest) = words.split_first().ok_or(CurlError::Empty)?;
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
    if !matches!(program, "curl" | "curl.exe") {
        return Err(CurlError::NotCurl);
    }
    written::options(rest)
}

/// Makes one API of what commands ask for; the first one's host is the main one.
#[must_use]
pub fn api(commands: &[Command]) -> Api {
    let mut api = Api {
        format: "curl".to_owned(),
        ..Api::default()
    };
    for command in commands {
        if !api.servers.contains(&command.server) {
            api.servers.push(command.server.clone());
        }
        let known = |way: &Way| api.ways.iter().any(|other| other.marks == way.marks);
        if let Some(way) = command.way.clone().filter(|way| !known(way)) {
            let taken = api
                .ways
                .iter()
                .filter(|other| other.id.starts_with(&way.id))
                .count();
            let id = if taken == 0 {
                way.id
            } else {
                format!("{}_{}", way.id, taken + 1)
            };
            api.ways.push(Way {
                id,
                marks: way.marks,
            });
        }
        api.judge.extend(
            command
                .judge
                .iter()
                .filter(|text| !api.judge.contains(text))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    for (at, server) in api.servers.iter().enumerate() {
        let there = commands
            .iter()
            .filter(|command| command.server == *server)
            .flat_map(Command::apart);
        let elsewhere = (at > 0).then(|| server.clone());
        let found = observed::operations(&there.collect::<Vec<_>>(), &Patterns::default());
        let operations = found
            .operations
            .into_iter()
            .map(|(operation, _)| Operation {
                elsewhere: elsewhere.clone(),
                ..operation
            });
        api.operations.extend(operations);
    }
    api.servers.truncate(1);
    api
}

/// Reads the URL; returns the names in its query.
fn place(url: &str, command: &mut Command) -> Result<Vec<String>, CurlError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    if scheme.eq_ignore_ascii_case("http") {
        command.remark(
            "the command goes without TLS: the gateway uses TLS unless the file says `http: true`",
        );
    } else if !scheme.eq_ignore_ascii_case("https") {
        return Err(CurlError::Url);
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((false, authority), |(_, host)| (true, host));
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:{}[]".contains(c);
    if host.is_empty() || !host.chars().all(good) {
        return Err(CurlError::Url);
    }
    let host = host
        .strip_suffix(":443")
        .unwrap_or(host)
        .to_ascii_lowercase();
    command.server = Server {
        host,
        base: String::new(),
    };
    if user {
        command.way = Some(way("basic", Mark::Basic));
    }
    let segments: Vec<String> = path.split('/').map(variable).collect();
    command.seen.path = format!("/{}", segments.join("/"));
    Ok(names(query))
}

/// Writes a variable of the shell as a segment that varies.
fn variable(segment: &str) -> String {
    let name = segment
        .strip_prefix('$')
        .map(|rest| rest.trim_start_matches('{').trim_end_matches('}'));
    match name {
        Some(name)
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') =>
        {
            format!("{{{}}}", parameter(name))
        }
        Some(_) | None => segment.to_owned(),
    }
}

impl Command {
    /// Returns each part as a request of its own.
    fn apart(&self) -> Vec<Seen> {
        if self.parts.is_empty() {
            return vec![self.seen.clone()];
        }
        let alone = |part: &RequestPart| Seen {
            part: Some(part.clone()),
            ..self.seen.clone()
        };
        self.parts.iter().map(alone).collect()
    }

    fn remark(&mut self, text: &str) {
        if !self.judge.iter().any(|known| known == text) {
            self.judge.push(text.to_owned());
        }
    }
}

fn way(id: &str, mark: Mark) -> Way {
    Way {
        id: id.to_owned(),
        marks: vec![mark],
    }
}

fn understand(written: &Written, query: Vec<String>, command: &mut Command) {
    let data = written.data.join("&");
    command.seen.method = written.method();
    command.seen.times = 1;
    let in_query = if written.get {
        names(&data)
    } else {
        Vec::new()
    };
    let (mut marks, mut way_id) = (Vec::new(), "");
    if written.signed {
        command.remark("the command signs its request, which the gateway does not do");
    } else if written.user {
        (way_id, marks) = ("basic", vec![Mark::Basic]);
    } else if written.bearer {
        (way_id, marks) = ("token", vec![Mark::Bearer("token")]);
    }
    for name in query
        .into_iter()
        .chain(written.query.iter().cloned())
        .chain(in_query)
    {
        if credential::is_key(&name) {
            marks.push(Mark::Query(name));
            way_id = "key";
        } else {
            command.seen.query.push(name);
        }
    }
    for (name, value) in &written.headers {
        if let Some(mark) = credential::header(name, value, command) {
            way_id = if matches!(mark, Mark::Basic) {
                "basic"
            } else {
                "token"
            };
            marks.push(mark);
        }
    }
    if written.cookie {
        command.remark(credential::COOKIES);
    }
    if !marks.is_empty() {
        command.way = Some(Way {
            id: way_id.to_owned(),
            marks,
        });
    }
    command.seen.payload = payload::of(written, &data, command);
}
