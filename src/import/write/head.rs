//! Writes everything of a connector file above its routes: id, hosts, authentication, health, shared forms.

use super::JUDGE;
use super::yaml::{comment, line, scalar};
use crate::import::api::{Api, Mark, Server, Way};
use crate::import::draft::{self, ConnectorDraft, ParameterForm};
use crate::import::names::parameter;

pub(crate) fn write(draft: &ConnectorDraft, api: &Api, out: &mut String) {
    let mut put = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    put(format!("connector: {}", draft.id));
    let title = if api.title.trim().is_empty() {
        &draft.id
    } else {
        &api.title
    };
    put(format!("name: {}", line(title.trim())));
    if let Some(version) = &api.version {
        put(format!("version: {}", quoted_number(version)));
    }
    if let Some(docs) = &api.docs {
        put(format!("docs: {}", line(docs)));
    }
    for judge in &draft.judge {
        put(format!("# {JUDGE} {}", comment(judge)));
    }
    domains(api, &mut put);
    authentication(api, &mut put);
    if draft.health.is_some() || draft.encoded_slash {
        put(String::new());
    }
    if let Some(health) = &draft.health {
        let identity = health
            .identity
            .as_ref()
            .map(|identity| format!(", identity: {}", scalar(identity)));
        put(format!(
            "health: {{ request: {}{} }}",
            scalar(&health.request),
            identity.unwrap_or_default()
        ));
    }
    if draft.encoded_slash {
        put("# Some clients write the slashes of paths and names as `%2F`; in a parameter both spellings are a slash.".to_owned());
        put("paths: { allow: [encoded_slash] }".to_owned());
    }
    if !draft.allow_headers.is_empty() {
        let names = draft.allow_headers.iter().map(|name| scalar(name));
        let names: Vec<String> = names.collect();
        put(format!("allow_headers: [{}]", names.join(", ")));
    }
    shared(draft, &mut put);
}

fn authentication(api: &Api, put: &mut impl FnMut(String)) {
    put(String::new());
    if api.public {
        put("auth: none".to_owned());
        return;
    }
    put("auth:".to_owned());
    let guess = Way {
        id: "token".to_owned(),
        marks: vec![Mark::Bearer("token")],
    };
    let ways = if api.ways.is_empty() {
        std::slice::from_ref(&guess)
    } else {
        &api.ways
    };
    for way in ways {
        self::way(way, put);
    }
    if !api.credentials_in.is_empty() {
        let places: Vec<String> = api
            .credentials_in
            .iter()
            .map(|place| scalar(place))
            .collect();
        put(format!("credentials_in: [{}]", places.join(", ")));
    }
}

fn quoted_number(version: &str) -> String {
    let text = scalar(version);
    if version.parse::<u64>().is_ok() {
        version.to_owned()
    } else {
        text
    }
}

fn domains(api: &Api, put: &mut impl FnMut(String)) {
    let more = draft::elsewhere(api);
    let servers: Vec<&Server> = api.servers.iter().chain(&more).collect();
    let mut hosts: Vec<(&str, Vec<&str>)> = Vec::new();
    for server in &servers {
        match hosts.iter_mut().find(|(host, _)| *host == server.host) {
            Some((_, bases)) => bases.push(&server.base),
            None => hosts.push((&server.host, vec![&server.base])),
        }
    }
    let own = hosts
        .first()
        .map(|(_, bases)| bases.clone())
        .unwrap_or_default();
    let listed = |bases: &[&str]| {
        let bases = bases
            .iter()
            .map(|base| scalar(if base.is_empty() { "/" } else { base }));
        format!("[{}]", bases.collect::<Vec<_>>().join(", "))
    };
    let entries: Vec<String> = hosts
        .iter()
        .filter(|(host, _)| !host.is_empty())
        .map(|(host, bases)| {
            if *bases == own {
                scalar(host)
            } else {
                format!(
                    "{{ host: {}, base_paths: {} }}",
                    scalar(host),
                    listed(bases)
                )
            }
        })
        .collect();
    let one_line = format!("domains: [{}]", entries.join(", "));
    if one_line.len() <= super::WIDTH {
        put(one_line);
    } else {
        put("domains:".to_owned());
        entries.iter().for_each(|entry| put(format!("  - {entry}")));
    }
    if own.iter().any(|base| !base.is_empty()) {
        put(format!("base_paths: {}", listed(&own)));
    }
}

fn way(way: &Way, put: &mut impl FnMut(String)) {
    let mut fields: Vec<String> = Vec::new();
    let mut headers: Vec<String> = Vec::new();
    let mut query: Vec<String> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    let several = way.marks.len() > 1;
    for mark in &way.marks {
        match mark {
            Mark::Bearer(field) => {
                fields.push((*field).to_owned());
                lines.push(format!("bearer: '{{{field}}}'"));
            }
            Mark::Basic => {
                fields.push("{ name: username, secret: false }".to_owned());
                fields.push("password".to_owned());
                lines.push("basic: { username: '{username}', password: '{password}' }".to_owned());
            }
            Mark::Header(name, prefix) => {
                let field = free(&field(name, several), &fields);
                headers.push(format!("{}: '{prefix}{{{field}}}'", scalar(name)));
                fields.push(field);
            }
            Mark::Query(name) => {
                let field = free(&field(name, several), &fields);
                query.push(format!("{}: '{{{field}}}'", scalar(name)));
                fields.push(field);
            }
        }
    }
    for (key, entries) in [("header", headers), ("query", query)] {
        if !entries.is_empty() {
            lines.push(format!("{key}: {{ {} }}", entries.join(", ")));
        }
    }
    put(format!("  - id: {}", way.id));
    put(format!("    fields: [{}]", fields.join(", ")));
    lines
        .into_iter()
        .for_each(|line| put(format!("    {line}")));
}

/// Returns a name that no field before has.
fn free(name: &str, fields: &[String]) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !fields.contains(name))
        .unwrap_or_default()
}

/// Names the field of a secret: by its header where there are several.
fn field(name: &str, several: bool) -> String {
    if !several {
        return if name.eq_ignore_ascii_case("authorization") {
            "token".to_owned()
        } else {
            "key".to_owned()
        };
    }
    let name = parameter(name);
    name.strip_prefix("x_").map_or(name.clone(), str::to_owned)
}

fn shared(draft: &ConnectorDraft, put: &mut impl FnMut(String)) {
    if draft.shared.is_empty() {
        return;
    }
    put(String::new());
    put("x-params:".to_owned());
    let entry =
        |shared: &draft::Shared| format!("  {0}: &{0} {1}", shared.anchor, form(&shared.form));
    for known in draft.shared.iter().filter(|shared| !shared.form.guess) {
        put(entry(known));
    }
    let guesses: Vec<&draft::Shared> = draft
        .shared
        .iter()
        .filter(|shared| shared.form.guess)
        .collect();
    if !guesses.is_empty() {
        put(format!(
            "  # {JUDGE} the description gives no form for these; narrow those that a policy compares"
        ));
    }
    for guess in guesses {
        put(entry(guess));
    }
}

/// Writes a form as a map.
pub(crate) fn form(form: &ParameterForm) -> String {
    let pattern = form
        .pattern
        .as_ref()
        .map(|pattern| format!("pattern: {}", scalar(pattern)));
    let fold = form.fold_lower.then(|| "fold: lower".to_owned());
    let secret = form.secret.then(|| "secret: true".to_owned());
    let parts: Vec<String> = pattern.into_iter().chain(fold).chain(secret).collect();
    format!("{{ {} }}", parts.join(", "))
}
