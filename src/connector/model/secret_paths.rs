//! Hides what stands behind the fixed beginning of paths that hold a secret, where no route says what a path is.
//!
//! A misspelt URL of a webhook holds its secret too, and is refused or matches no route; records must not repeat it.

use crate::connector::model::group::Group;
use crate::connector::model::pattern::Segment;
use crate::model::show::is_deceptive;
use crate::model::target::decode;

/// How often a path is decoded: servers that decode once more are rare, twice more unheard of.
const DECODED: usize = 3;

/// Beginnings of the paths that hold a secret.
#[derive(Debug, Default)]
pub(crate) struct SecretPaths(Box<[Beginning]>);

/// What a path begins with up to its first label; everything in lower case.
#[derive(Debug, PartialEq, Eq)]
struct Beginning {
    literals: Vec<String>,
    /// Of the segment that the label is in.
    prefix: String,
}

impl SecretPaths {
    /// Takes the beginnings of the groups that keep a label secret.
    pub(crate) fn of(groups: &[Group]) -> Self {
        let holding = groups
            .iter()
            .filter(|group| !group.secret_labels.is_empty());
        let all = holding.flat_map(Group::spellings);
        let mut beginnings: Vec<Beginning> = Vec::new();
        for matches in all {
            let beginning = Beginning::of(matches.path.segments());
            if !beginnings.contains(&beginning) {
                beginnings.push(beginning);
            }
        }
        Self(beginnings.into())
    }

    /// Returns a path, written in any way, as records show it; `None` where nothing of it can be a secret.
    pub(crate) fn hide(&self, path: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut path = path.to_owned();
        for _ in 0..DECODED {
            path = decode(&path).to_lowercase();
        }
        path.retain(|letter| !letter.is_whitespace() && !is_deceptive(letter));
        let segments = path.split(['/', '\\']);
        let segments = segments.map(|segment| segment.trim_start_matches('.'));
        let segments: Vec<&str> = segments.filter(|segment| !segment.is_empty()).collect();
        let found = self.0.iter().find(|one| one.leads(&segments))?;
        let mut shown = String::from("/");
        for literal in &found.literals {
            shown.push_str(literal);
            shown.push('/');
        }
        shown.push_str(&found.prefix);
        shown.push_str("{hidden}");
        Some(shown)
    }
}

impl Beginning {
    fn of(segments: &[Segment]) -> Self {
        let mut literals = Vec::new();
        for segment in segments {
            match segment {
                Segment::Literal(text) => literals.push(decode(text).to_lowercase()),
                Segment::Affixed(affixed) => {
                    let prefix = affixed.prefix.to_lowercase();
                    return Self { literals, prefix };
                }
                Segment::Param(_) | Segment::Rest(_) => break,
            }
        }
        let prefix = String::new();
        Self { literals, prefix }
    }

    /// Returns whether segments begin so, at any place: a base path stands before, and what servers cut off a segment behind it.
    fn leads(&self, segments: &[&str]) -> bool {
        (0..segments.len()).any(|start| {
            let mut rest = segments.iter().skip(start);
            let mut literals = self.literals.iter();
            literals.all(|literal| {
                let next = rest.next();
                next.is_some_and(|segment| segment.starts_with(literal.as_str()))
            }) && self.has_label(segments, start)
        })
    }

    /// Returns whether something follows the literals, or clings to the last one, that may be the label.
    fn has_label(&self, segments: &[&str], start: usize) -> bool {
        match segments.get(start + self.literals.len()) {
            Some(label) => label.starts_with(&self.prefix),
            None => {
                let last = segments.last().zip(self.literals.last());
                last.is_some_and(|(segment, literal)| *segment != literal.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beginning, SecretPaths};

    #[test]
    fn hides_every_spelling_of_a_path_with_a_secret_and_no_other() {
        let beginning = |literals: &[&str], prefix: &str| Beginning {
            literals: literals.iter().map(ToString::to_string).collect(),
            prefix: prefix.to_owned(),
        };
        let paths = SecretPaths([beginning(&["services"], ""), beginning(&[], "bot")].into());
        for (path, shown) in [
            ("/services/T0/B0/s3cret", Some("/services/{hidden}")),
            ("//services//T0/B0/s3cret/", Some("/services/{hidden}")),
            ("/Services/T0/B0/s3cret", Some("/services/{hidden}")),
            ("/%73ervices/T0", Some("/services/{hidden}")),
            ("/%2573ervices%2fT0", Some("/services/{hidden}")),
            ("/x/../services/T0", Some("/services/{hidden}")),
            ("/services;v=1/T0", Some("/services/{hidden}")),
            ("/services;T0", Some("/services/{hidden}")),
            ("\\services\\T0", Some("/services/{hidden}")),
            ("/v1/services/T0", Some("/services/{hidden}")),
            ("/ser%C2%ADvices/T0", Some("/services/{hidden}")),
            ("/%E2%80%8Bservices/T0", Some("/services/{hidden}")),
            ("/%20services/T0", Some("/services/{hidden}")),
            ("/.services/T0", Some("/services/{hidden}")),
            ("/bot123:abc/getMe", Some("/bot{hidden}")),
            ("/services", None),
            ("/service/T0", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(paths.hide(path).as_deref(), shown, "{path}");
        }
        let all = SecretPaths([beginning(&[], "")].into());
        assert_eq!(all.hide("/anything").as_deref(), Some("/{hidden}"));
        assert_eq!(SecretPaths::default().hide("/services/T0"), None);
    }
}
