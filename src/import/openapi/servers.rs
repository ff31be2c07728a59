//! Reads where an API is: `servers` with their variables, or `host` and `basePath`, as hosts and base paths.
//!
//! INVARIANT: the last two labels of a host are literal, or the connector would cover everybody's domains.

use super::Version;
use crate::import::api::{Api, Server};
use crate::import::document::Spot;
use crate::import::names::parameter;
use crate::model::target::Authority;

/// Hosts that one server with variables becomes.
const MAX_HOSTS: usize = 24;

/// A `{name}` of a URL.
struct Variable<'d> {
    name: &'d str,
    default: &'d str,
    values: Vec<&'d str>,
}

pub(crate) fn read(root: &Spot<'_>, version: Version, api: &mut Api) {
    match version {
        Version::Two => swagger(root, api),
        Version::Three => {
            for server in root.get("servers").iter().flat_map(Spot::items) {
                add(&server, api);
            }
        }
    }
    if api.servers.iter().all(|server| server.host.is_empty()) {
        api.judge.push(
            "the description does not say where the API is: list its hosts under `domains`"
                .to_owned(),
        );
    }
}

/// Returns where one operation is, if its own `servers` or those of its path say so.
pub(crate) fn elsewhere(operation: &Spot<'_>, item: &Spot<'_>) -> Option<Server> {
    let own = [operation, item]
        .into_iter()
        .find_map(|spot| spot.get("servers"))?;
    let first = own.items().into_iter().next()?;
    let mut alone = Api::default();
    add(&first, &mut alone);
    alone
        .servers
        .into_iter()
        .find(|server| !server.host.is_empty())
}

fn swagger(root: &Spot<'_>, api: &mut Api) {
    let base = root
        .text("basePath")
        .unwrap_or_default()
        .trim_end_matches('/');
    let host = root.text("host").unwrap_or_default();
    let schemes = root.texts("schemes");
    if !schemes.is_empty() && !schemes.contains(&"https") {
        api.judge.push("the description names only `http`: the gateway uses TLS unless the file says `http: true`".to_owned());
    }
    if !host.is_empty() || !base.is_empty() {
        push(host, base, api);
    }
}

fn add(server: &Spot<'_>, api: &mut Api) {
    let Some(url) = server.text("url") else {
        return;
    };
    let mut variables: Vec<Variable<'_>> = server
        .get("variables")
        .iter()
        .flat_map(Spot::entries)
        .map(|(name, variable)| Variable {
            name,
            default: variable.text("default").unwrap_or_default(),
            values: variable.texts("enum"),
        })
        .collect();
    // What is in braces and not described can be anything.
    for name in braces(url) {
        if !variables.iter().any(|known| known.name == name) {
            variables.push(Variable {
                name,
                default: "",
                values: Vec::new(),
            });
        }
    }
    // `https://api.shop.example{basePath}`: what holds a slash is no label.
    let (paths, variables): (Vec<_>, Vec<_>) = variables
        .into_iter()
        .partition(|variable| variable.default.contains('/'));
    let whole = filled(url, &paths);
    // RFC 3986 section 4.2: `//host/path` is a host too.
    let absolute = whole.contains("://") || whole.starts_with("//");
    let (scheme, rest) = whole
        .split_once("//")
        .filter(|_| absolute)
        .unwrap_or(("https:", &whole));
    let scheme = filled(scheme, &variables);
    if scheme == "http:" {
        api.judge.push(format!(
            "`{}` is without TLS: the gateway uses TLS unless the file says `http: true`",
            url.escape_debug()
        ));
    }
    let (host, base) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some((host, base)) if absolute => (host, base),
        None if absolute => (rest, ""),
        Some(_) | None => ("", rest),
    };
    let base = base_path(base, &variables);
    for host in hosts(host, &variables, api) {
        push(&host, &base, api);
    }
}

fn push(host: &str, base: &str, api: &mut Api) {
    let base = base.trim_end_matches('/');
    let host = host
        .strip_suffix(":443")
        .unwrap_or(host)
        .to_ascii_lowercase();
    let sample = host.replace(['{', '}'], "");
    let host = if host.is_empty() || Authority::parse(&sample, 443).is_ok() {
        host
    } else {
        api.judge.push(format!(
            "`{}` is not a host: list the real ones under `domains`",
            host.escape_debug()
        ));
        String::new()
    };
    // An empty segment is one that servers drop.
    let segments = base.split('/').filter(|segment| !segment.is_empty());
    let base: String = segments.map(|segment| format!("/{segment}")).collect();
    let (host, base) = distinct(&host, &base);
    let server = Server { host, base };
    if !api.servers.contains(&server) {
        api.servers.push(server);
    }
}

/// Gives a name that stands in host and base path twice another one where it stands again.
fn distinct(host: &str, base: &str) -> (String, String) {
    let mut seen: Vec<String> = Vec::new();
    let mut rename = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some((front, behind)) = rest.split_once('{') {
            let (name, tail) = behind.split_once('}').unwrap_or((behind, ""));
            let numbered = (2..).map(|number| format!("{name}_{number}"));
            let mut names = std::iter::once(name.to_owned()).chain(numbered);
            let free = names.find(|name| !seen.contains(name)).unwrap_or_default();
            out.push_str(&format!("{front}{{{free}}}"));
            seen.push(free);
            rest = tail;
        }
        out + rest
    };
    (rename(host), rename(base))
}

/// Iterates over the names in braces.
fn braces(url: &str) -> impl Iterator<Item = &str> {
    let parts = url.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

/// Puts in what variables are by default.
fn filled(text: &str, variables: &[Variable<'_>]) -> String {
    let mut text = text.to_owned();
    for variable in variables {
        text = text.replace(&format!("{{{}}}", variable.name), variable.default);
    }
    text
}

/// Writes a host with its variables out: one for each listed value, a captured label where any may stand.
fn hosts(host: &str, variables: &[Variable<'_>], api: &mut Api) -> Vec<String> {
    let mut hosts = vec![host.to_owned()];
    for variable in variables {
        let mark = format!("{{{}}}", variable.name);
        if !host.contains(&mark) {
            continue;
        }
        let label = hosts.iter().all(|host| may_vary(host, &mark));
        let values: Vec<String> = if label && variable.values.len() < 2 {
            vec![format!("{{{}}}", parameter(variable.name))]
        } else if variable.values.is_empty() {
            let known = Some(variable.default).filter(|default| !default.is_empty());
            vec![known.unwrap_or(&mark).to_owned()]
        } else {
            variable
                .values
                .iter()
                .map(|value| (*value).to_owned())
                .collect()
        };
        hosts = hosts
            .iter()
            .flat_map(|host| values.iter().map(|value| host.replace(&mark, value)))
            .take(MAX_HOSTS)
            .collect();
    }
    let good = |host: &String| {
        let open = host
            .split('.')
            .rev()
            .take(2)
            .any(|label| label.contains(['{', '}']))
            || host.is_empty();
        let partial = host.split('.').any(|label| {
            label.contains(['{', '}']) && !(label.starts_with('{') && label.ends_with('}'))
        });
        !open && !partial
    };
    let (good, bad): (Vec<String>, Vec<String>) = hosts.into_iter().partition(good);
    if bad.iter().any(|host| !host.is_empty()) {
        api.judge.push(format!(
            "the host `{}` can be anything: list the real ones under `domains`",
            host.escape_debug()
        ));
    }
    if good.is_empty() {
        vec![String::new()]
    } else {
        good
    }
}

/// Returns whether a variable is a whole label before the last two.
fn may_vary(host: &str, mark: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| *label == mark);
    at.is_some_and(|at| at + 2 < labels.len())
}

/// Writes a base path with its variables out: captured where several values are listed or none is, else the one.
fn base_path(base: &str, variables: &[Variable<'_>]) -> String {
    let mut base = base.to_owned();
    for variable in variables {
        let mark = format!("{{{}}}", variable.name);
        let one = variable.values.len() < 2 && !variable.default.is_empty();
        let value = if one {
            variable.default.trim_matches('/').to_owned()
        } else {
            format!("{{{}}}", parameter(variable.name))
        };
        base = base.replace(&mark, &value);
    }
    base
}
