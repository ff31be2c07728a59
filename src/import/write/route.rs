//! Writes one route as the lines of a list entry.

use serde_json::Value;

use super::yaml::{comment, flow, line, scalar};
use super::{JUDGE, WIDTH, head};
use crate::import::draft::{DraftRoute, Param, Test};
use crate::model::action::Risk;

pub(crate) fn write(route: &DraftRoute, out: &mut String) {
    let mut put = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    for judge in &route.judge {
        put(format!("  # {JUDGE} {}", comment(judge)));
    }
    put(format!("  - action: {}", route.action));
    put(format!("    match: {}", line(&route.matches)));
    if let Some(part) = &route.part {
        put(format!("    {}: {}", part.key(), line(part.text())));
    }
    if let Some(title) = route.title.as_ref().filter(|title| !title.is_empty()) {
        put(format!("    name: {}", line(title)));
    }
    if let Some(docs) = &route.docs {
        put(format!("    docs: {}", line(docs)));
    }
    match route.body.as_slice() {
        [] => {}
        [body] => put(format!("    body: {}", line(body))),
        several => {
            let several: Vec<String> = several.iter().map(|body| scalar(body)).collect();
            put(format!("    body: [{}]", several.join(", ")));
        }
    }
    params(&route.params, &mut put);
    if let Some(risk) = route.risk {
        put(format!("    risk: {risk}"));
        if risk == Risk::Low && writes_by_method(&route.matches) {
            put("    reads: true".to_owned());
        }
    }
    if let Some(response_secrets) = &route.response_secrets {
        let places: Vec<String> = response_secrets.iter().map(|path| scalar(path)).collect();
        put(format!("    response_secrets: [{}]", places.join(", ")));
    }
    put(format!("    summary: {}", line(&route.summary)));
    if !route.tests.is_empty() {
        put("    tests:".to_owned());
        route.tests.iter().for_each(|one| test(one, &mut put));
    }
}

/// Returns whether a request with a method of the route may change something (RFC 9110 section 9.2.1).
fn writes_by_method(matches: &str) -> bool {
    let methods = matches.split(' ').next().unwrap_or_default();
    let mut methods = methods.split('|');
    methods.any(|method| !["GET", "HEAD", "OPTIONS"].contains(&method))
}

fn params(params: &[Param], put: &mut impl FnMut(String)) {
    if params.is_empty() {
        return;
    }
    let entries: Vec<String> = params
        .iter()
        .map(|param| format!("{}: {}", param.name, entry(param)))
        .collect();
    let one_line = format!("    params: {{ {} }}", entries.join(", "));
    if one_line.chars().count() <= WIDTH {
        put(one_line);
        return;
    }
    put("    params:".to_owned());
    entries
        .into_iter()
        .for_each(|entry| put(format!("      {entry}")));
}

fn entry(param: &Param) -> String {
    if let Some(anchor) = &param.anchor {
        return format!("*{anchor}");
    }
    if param.from.is_empty() {
        return head::form(&param.form);
    }
    let sources: Vec<String> = param.from.iter().map(|from| scalar(from)).collect();
    let from = match sources.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let value_type = param
        .value_type
        .map(|value_type| format!(", type: {value_type}"));
    let secret = param.form.secret.then(|| ", secret: true".to_owned());
    match value_type.into_iter().chain(secret).collect::<String>() {
        options if options.is_empty() => from,
        options => format!("{{ from: {from}{options} }}"),
    }
}

fn test(test: &Test, put: &mut impl FnMut(String)) {
    put(format!("      - request: {}", line(&test.request)));
    if let Some((key, content)) = &test.body {
        put(format!("        {key}: {}", flow(content)));
    }
    let mut expect: Vec<String> = Vec::new();
    if !test.params.is_empty() {
        expect.push(format!(
            "params: {}",
            flow(&Value::Object(test.params.clone()))
        ));
    }
    expect.push(format!("risk: {}", test.risk));
    let one_line = format!("        expect: {{ {} }}", expect.join(", "));
    if one_line.chars().count() <= WIDTH {
        put(one_line);
        return;
    }
    put("        expect:".to_owned());
    expect
        .into_iter()
        .for_each(|part| put(format!("          {part}")));
}
