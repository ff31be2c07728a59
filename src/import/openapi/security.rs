//! Reads how an API authenticates: `securitySchemes` and `security` together, as placements of a credential.

use super::Version;
use crate::import::api::{Api, Mark, Way};
use crate::import::document::Spot;
use crate::import::names::parameter;

/// Reads the schemes; those that are asked for by default come first.
pub(crate) fn read(root: &Spot<'_>, version: Version, api: &mut Api) {
    let schemes = match version {
        Version::Two => root.get("securityDefinitions"),
        Version::Three => root
            .get("components")
            .and_then(|components| components.get("securitySchemes")),
    };
    let schemes: Vec<(&str, Spot<'_>)> = schemes.iter().flat_map(Spot::entries).collect();
    let mut used: Vec<&str> = Vec::new();
    for names in requirements(root) {
        let mut marks = Vec::new();
        for name in &names {
            let Some((_, scheme)) = schemes.iter().find(|(known, _)| known == name) else {
                continue;
            };
            let mark = mark(name, scheme, api);
            marks.extend(mark.filter(|mark| !marks.iter().any(|other| same_place(mark, other))));
        }
        // Two parts that write one header cannot be put on together.
        let writes_authorization = |mark: &&Mark| match mark {
            Mark::Bearer(_) | Mark::Basic => true,
            Mark::Header(name, _) => name.eq_ignore_ascii_case("authorization"),
            Mark::Query(_) => false,
        };
        if marks.iter().filter(writes_authorization).count() > 1 {
            continue;
        }
        push(&names.join("_"), marks, api);
        used.extend(names);
    }
    for (name, scheme) in &schemes {
        if !used.contains(name) {
            let marks = mark(name, scheme, api).into_iter().collect();
            push(name, marks, api);
        }
    }
}

/// Returns the sets of schemes that are asked for: by default, else by operations, the most frequent first.
fn requirements<'d>(root: &Spot<'d>) -> Vec<Vec<&'d str>> {
    let of = |spot: &Spot<'d>| -> Vec<Vec<&'d str>> {
        let list = spot.get("security");
        let sets = list.iter().flat_map(Spot::items);
        sets.map(|set| set.entries().into_iter().map(|(name, _)| name).collect())
            .filter(|names: &Vec<&str>| !names.is_empty())
            .collect()
    };
    let default = of(root);
    if !default.is_empty() {
        return default;
    }
    let mut counted: Vec<(usize, Vec<&str>)> = Vec::new();
    for (_, item) in root.get("paths").iter().flat_map(Spot::entries) {
        for set in super::METHODS
            .iter()
            .filter_map(|method| item.get(method))
            .flat_map(|operation| of(&operation))
        {
            match counted.iter_mut().find(|(_, known)| *known == set) {
                Some((count, _)) => *count += 1,
                None => counted.push((1, set)),
            }
        }
    }
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counted.into_iter().map(|(_, set)| set).collect()
}

fn mark(name: &str, scheme: &Spot<'_>, api: &mut Api) -> Option<Mark> {
    let shown = name.escape_debug();
    let http = scheme
        .text("scheme")
        .unwrap_or_default()
        .to_ascii_lowercase();
    match (scheme.text("type")?, scheme.text("in").unwrap_or_default()) {
        ("basic", _) => Some(Mark::Basic),
        ("oauth2" | "openIdConnect", _) => Some(Mark::Bearer("access_token")),
        ("http", _) if http == "basic" => Some(Mark::Basic),
        ("http", _) if http == "bearer" => Some(Mark::Bearer("token")),
        ("http", _) => {
            api.judge.push(format!(
                "`{shown}` authenticates by `{}`: write how it is put on",
                http.escape_debug()
            ));
            None
        }
        ("apiKey", "header") => header(scheme),
        ("apiKey", "query") => Some(Mark::Query(scheme.text("name")?.to_owned())),
        ("apiKey", "cookie") => {
            api.judge.push(format!(
                "`{shown}` authenticates by a cookie, which the gateway does not put on"
            ));
            None
        }
        (kind, _) => {
            api.judge.push(format!(
                "`{shown}` authenticates by `{}`, which the gateway does not know",
                kind.escape_debug()
            ));
            None
        }
    }
}

/// `Authorization` as an API key: the words around it say what stands before the secret.
fn header(scheme: &Spot<'_>) -> Option<Mark> {
    let name = scheme.text("name")?;
    if !name.eq_ignore_ascii_case("authorization") {
        return Some(Mark::Header(name.to_owned(), ""));
    }
    let prose = scheme.text("description").unwrap_or_default();
    let says = |word: &str| prose.contains(word);
    Some(if says("Bearer") || says("bearer") {
        Mark::Bearer("token")
    } else if says("Bot ") {
        Mark::Header("Authorization".to_owned(), "Bot ")
    } else if says("Token ") {
        Mark::Header("Authorization".to_owned(), "Token ")
    } else {
        Mark::Header("Authorization".to_owned(), "")
    })
}

/// Returns whether two parts of a credential stand in one place, where only one of them can be.
fn same_place(one: &Mark, other: &Mark) -> bool {
    match (one, other) {
        (Mark::Query(one), Mark::Query(other)) => one == other,
        (Mark::Header(one, _), Mark::Header(other, _)) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}

fn push(name: &str, marks: Vec<Mark>, api: &mut Api) {
    let known = |way: &Way| way.marks == marks;
    if marks.is_empty() || api.ways.iter().any(known) {
        return;
    }
    let id: String = parameter(name).chars().take(40).collect();
    let taken = api.ways.iter().filter(|way| way.id == id).count();
    let id = if taken == 0 {
        id
    } else {
        format!("{id}_{}", api.ways.len() + 1)
    };
    api.ways.push(Way { id, marks });
}
