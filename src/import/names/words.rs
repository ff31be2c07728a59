//! Splits names such as `listIssueIDs`, `Key-Rings` and `v1_ssh.keys` into lower-case words, and makes plurals singular.
//!
//! INVARIANT: the rules are fixed lists, never a dictionary that grows elsewhere: a name that a policy relies on must not change.

use std::borrow::Cow;

/// Words that end in `s` and have no singular, or are one.
const UNCHANGED: [&str; 47] = [
    "alias",
    "analytics",
    "atlas",
    "aws",
    "bias",
    "canvas",
    "cms",
    "contents",
    "cors",
    "credits",
    "css",
    "details",
    "dns",
    "ecs",
    "eks",
    "gas",
    "goods",
    "gps",
    "graphics",
    "has",
    "https",
    "ios",
    "its",
    "js",
    "kms",
    "kubernetes",
    "mms",
    "news",
    "nodejs",
    "os",
    "preferences",
    "rds",
    "rss",
    "series",
    "ses",
    "settings",
    "sms",
    "sns",
    "sqs",
    "statistics",
    "stats",
    "sts",
    "texas",
    "tls",
    "vps",
    "was",
    "yes",
];

/// Plurals that no ending tells.
const IRREGULAR: [(&str, &str); 42] = [
    ("aliases", "alias"),
    ("analyses", "analysis"),
    ("apis", "api"),
    ("atlases", "atlas"),
    ("axes", "axis"),
    ("biases", "bias"),
    ("bonuses", "bonus"),
    ("buses", "bus"),
    ("caches", "cache"),
    ("calories", "calorie"),
    ("campuses", "campus"),
    ("canvases", "canvas"),
    ("children", "child"),
    ("cookies", "cookie"),
    ("cpus", "cpu"),
    ("criteria", "criterion"),
    ("databases", "database"),
    ("emojis", "emoji"),
    ("gpus", "gpu"),
    ("heroes", "hero"),
    ("indices", "index"),
    ("kpis", "kpi"),
    ("matrices", "matrix"),
    ("men", "man"),
    ("menus", "menu"),
    ("movies", "movie"),
    ("people", "person"),
    ("quizzes", "quiz"),
    ("selfies", "selfie"),
    ("shelves", "shelf"),
    ("skis", "ski"),
    ("skus", "sku"),
    ("species", "species"),
    ("statuses", "status"),
    ("taxis", "taxi"),
    ("uris", "uri"),
    ("vertices", "vertex"),
    ("viruses", "virus"),
    ("wikis", "wiki"),
    ("women", "woman"),
    ("dies", "die"),
    ("ties", "tie"),
];

/// Spellings whose humps separate nothing.
const WHOLE: [(&str, &str); 8] = [
    ("GitHub", "Github"),
    ("GitLab", "Gitlab"),
    ("GraphQL", "Graphql"),
    ("IPv4", "Ipv4"),
    ("IPv6", "Ipv6"),
    ("OAuth", "Oauth"),
    ("iOS", "Ios"),
    ("macOS", "Macos"),
];

/// Splits at separators and humps; everything but ASCII letters and digits separates.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut text = Cow::Borrowed(text);
    for (spelling, whole) in WHOLE {
        if text.contains(spelling) {
            text = text.replace(spelling, whole).into();
        }
    }
    for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        split_humps(run, &mut words);
    }
    words
}

fn split_humps(run: &str, words: &mut Vec<String>) {
    let bytes = run.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b'_');
    let mut word = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let before = at(index.wrapping_sub(1));
        // `IDs` and `URLs` are one word: the lower-case `s` belongs to the capitals before it.
        let plural = |start: usize| {
            at(start) == b's' && !at(start + 1).is_ascii_lowercase() && at(start - 1) != b's'
        };
        let hump = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase()
                    && at(index + 1).is_ascii_lowercase()
                    && !plural(index + 1)));
        if hump && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(char::from(byte.to_ascii_lowercase()));
    }
    if !word.is_empty() {
        words.push(word);
    }
}

/// Returns one of what a word names several of; a word that is no plural comes back as it is.
pub(crate) fn singular(word: &str) -> String {
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    let as_it_is = word.len() < 3
        || UNCHANGED.contains(&word)
        || ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    let stem = |cut: usize, end: &str| {
        let kept = word.len().saturating_sub(cut);
        format!("{}{end}", word.get(..kept).unwrap_or(word))
    };
    match word {
        _ if as_it_is || !word.ends_with('s') => word.to_owned(),
        _ if word.ends_with("ies") => stem(3, "y"),
        _ if ["sses", "shes", "ches", "xes", "zzes"]
            .iter()
            .any(|end| word.ends_with(end)) =>
        {
            stem(2, "")
        }
        _ => stem(1, ""),
    }
}

/// Returns whether a word names several.
pub(crate) fn is_plural(word: &str) -> bool {
    singular(word) != word
}

/// Returns the plural of a noun.
pub(crate) fn plural(noun: &str) -> String {
    let vowel = |c: char| "aeiou".contains(c);
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(vowel) && !stem.is_empty() => format!("{stem}ies"),
        _ if noun.ends_with("ss")
            || noun.ends_with(['x', 'z'])
            || noun.ends_with("ch")
            || noun.ends_with("sh") =>
        {
            format!("{noun}es")
        }
        _ if noun.ends_with('s') => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

/// Joins words to a segment of an action's name, what they name singular.
pub(crate) fn segment(words: &[String]) -> String {
    let version = |word: &String| {
        word.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // `projects v2`: the version is not what there are several of.
    // `codes of conduct`: there are several codes.
    let of = words
        .iter()
        .position(|word| word == "of")
        .filter(|at| *at > 0);
    let noun = of.map_or_else(
        || words.iter().rposition(|word| !version(word)),
        |of| of.checked_sub(1),
    );
    let parts = words.iter().enumerate().map(|(at, word)| {
        if Some(at) == noun {
            singular(word)
        } else {
            word.clone()
        }
    });
    parts.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::{segment, singular, words};

    #[test]
    fn humps_and_separators_split_and_abbreviations_stay_whole() {
        for (text, wanted) in [
            ("listIssueIDs", "list issue ids"),
            ("getHTTPSUrl", "get https url"),
            ("Key-Rings", "key rings"),
            ("v1_ssh.keys", "v1 ssh keys"),
            ("OAuth2Token", "oauth2 token"),
            ("getIPv6Address", "get ipv6 address"),
            ("listURLs", "list urls"),
            ("deleteSSHKey", "delete ssh key"),
            ("getDNSSettings", "get dns settings"),
            ("créer", "cr er"),
            ("", ""),
        ] {
            let expected: Vec<&str> = wanted.split_whitespace().collect();
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn plurals_become_singular_and_other_words_stay() {
        for (many, one) in [
            ("issues", "issue"),
            ("policies", "policy"),
            ("branches", "branch"),
            ("addresses", "address"),
            ("statuses", "status"),
            ("status", "status"),
            ("access", "access"),
            ("boxes", "box"),
            ("caches", "cache"),
            ("sizes", "size"),
            ("releases", "release"),
            ("databases", "database"),
            ("settings", "settings"),
            ("analysis", "analysis"),
            ("news", "news"),
            ("people", "person"),
            ("archives", "archive"),
            ("dns", "dns"),
            ("ids", "id"),
            ("quotas", "quota"),
            ("alias", "alias"),
        ] {
            assert_eq!(singular(many), one);
            assert_eq!(singular(one), one, "singular twice");
        }
        assert_eq!(segment(&words("check-runs")), "check_run");
        assert_eq!(segment(&words("projectsV2")), "project_v2");
    }
}
