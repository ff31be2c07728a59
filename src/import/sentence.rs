//! Writes one sentence about an operation with its path's parameters: `list artifacts of action run {run_id} of repo
//! {owner}/{repo}`.

use super::names::words::{plural, segment, words};
use super::names::{self, Name};

/// Characters of a sentence; over it, what is furthest out is left away.
const MAX: usize = 140;

/// What `me` is in a sentence.
const OWN: &str = "own user";

/// A thing and what identifies it.
#[derive(Debug, Default)]
struct Thing {
    noun: Vec<String>,
    captured: Vec<String>,
}

/// Writes the sentence. `path` is that of the route, with the names that its parameters have.
pub(crate) fn of(name: &Name, path: &str) -> String {
    let verb = name.verb.replace('_', " ");
    let mut things = things(name, path);
    // What the path does not spell is what the verb is done to, or what tells it from others.
    let noun = name.noun.replace('_', " ");
    let spelled = things.last().is_some_and(|thing| {
        thing
            .noun
            .last()
            .is_some_and(|last| noun.ends_with(last.as_str()) || last == OWN)
    });
    if !noun.is_empty() && !spelled {
        things.push(Thing {
            noun: vec![noun],
            captured: Vec::new(),
        });
    }
    let own = things.pop().unwrap_or_default();
    let mut noun = own.noun.join(" ");
    if ["list", "search", "clear"].contains(&name.means.name) && !noun.is_empty() {
        noun = plural(&noun);
    }
    let mut sentence = [verb, noun].join(" ").trim_end().to_owned();
    sentence.push_str(&braces(&own.captured));
    for thing in things.iter().rev() {
        let more = format!(" of {}{}", thing.noun.join(" "), braces(&thing.captured));
        if sentence.len() + more.len() > MAX {
            break;
        }
        sentence.push_str(&more);
    }
    if let Some(apart) = name.resource.last().filter(|last| **last != name.noun) {
        sentence.push_str(&format!(" ({})", apart.replace('_', " ")));
    }
    sentence
}

fn things(name: &Name, path: &str) -> Vec<Thing> {
    let mut things: Vec<Thing> = vec![Thing::default()];
    let said = |text: &str| {
        let longer = format!("_{text}");
        name.resource
            .iter()
            .any(|segment| segment == text || segment.ends_with(&longer))
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    for text in path.split('/') {
        let text = names::ENDINGS
            .iter()
            .find_map(|ending| text.strip_suffix(ending))
            .unwrap_or(text);
        let Some((_, rest)) = text.split_once('{') else {
            let noun = segment(&words(text.split(':').next().unwrap_or_default()));
            let me = noun == "user" && !said("user") && said("me");
            // Versions and what became the verb are no things.
            if noun.is_empty() || !(said(&noun) || me) {
                continue;
            }
            if things
                .last()
                .is_some_and(|thing| !thing.captured.is_empty())
            {
                things.push(Thing::default());
            }
            let noun = if me {
                OWN.to_owned()
            } else {
                noun.replace('_', " ")
            };
            // `/configs/config/secrets` says one thing twice.
            if let Some(last) = things.last_mut()
                && last.noun.last() != Some(&noun)
            {
                last.noun.push(noun);
            }
            continue;
        };
        let captured = rest
            .split('}')
            .next()
            .unwrap_or_default()
            .trim_start_matches('*');
        if let Some(last) = things.last_mut() {
            last.captured.push(captured.to_owned());
        }
    }
    things.retain(|thing| !thing.noun.is_empty());
    things
}

fn braces(captured: &[String]) -> String {
    if captured.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = captured.iter().map(|name| format!("{{{name}}}")).collect();
    format!(" {}", parts.join("/"))
}
