//! Reads what `git push` sends to `git-receive-pack`: one operation for each ref that it changes, and what a report on them must
//! name.
//!
//! INVARIANT: a push may drop commits (`force`) unless its own pack shows that the new commit descends from the old one.

pub(crate) mod pack;

use std::collections::HashSet;

use crate::connector::model::error_shape::framing::Push;
use crate::connector::model::operation::Fact;
use crate::connector::read::operation::{Operation, Quota};
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};
use crate::model::value::Value;

/// Longest line of the protocol, `gitprotocol-common(5)`.
const MAX_LINE: usize = 65_520;

/// Bytes of data in one packet of a band, `side-band-64k` and `side-band`.
const MAX_BAND: usize = 65_515;

const MAX_SMALL_BAND: usize = 995;

/// One command of a push. Object ids are lower-case hex of one length.
#[derive(Debug)]
struct Update<'b> {
    old: String,
    new: String,
    name: &'b str,
}

/// One line, or what ends a section.
enum Line<'b> {
    Text(&'b [u8]),
    Flush,
}

/// Reads a body; no part for the flush alone by which git asks whether it may push at all.
pub(crate) fn operations(
    bytes: &[u8],
    quota: &mut Quota,
) -> Result<(Vec<Operation>, Push), Unreadable> {
    let mut updates = Vec::new();
    let mut rest = bytes;
    let mut options = false;
    let mut push = Push::default();
    loop {
        let (line, after) = line(rest)?;
        rest = after;
        let text = match line {
            Line::Flush => break,
            Line::Text(text) => text,
        };
        // Git takes what is not exactly this for a command, and other servers for nothing.
        if let Some(id) = text.strip_prefix(b"shallow ") {
            let id = id.strip_suffix(b"\n").unwrap_or(id);
            if !is_id(id) || !updates.is_empty() {
                return Err(refuse("a `shallow` line of the push is malformed"));
            }
            continue;
        }
        if text.starts_with(b"push-cert") {
            return Err(refuse(
                "a signed push cannot be read; push without `--signed`",
            ));
        }
        quota.take()?;
        let (command, capabilities) = split(text);
        let mut words = capabilities.split(|byte| *byte == b' ');
        options |= words.any(|word| word == b"push-options");
        push.note(capabilities);
        let update = Update::parse(command)?;
        push.refs.push(update.name.to_owned());
        updates.push(update);
    }
    while options {
        let (line, after) = line(rest)?;
        rest = after;
        options = matches!(line, Line::Text(_));
        // Servers open merge requests by them, which is another action than the push.
        if options {
            return Err(refuse(
                "the push has options, which are not read; push without `--push-option`",
            ));
        }
    }
    let bare = rest.is_empty() || (rest.starts_with(b"PACK") && !updates.is_empty());
    if !bare {
        return Err(refuse(
            "the push has something else than a pack behind its commands",
        ));
    }
    let parents = pack::parents(rest, updates.first().map_or(0, |update| update.old.len()));
    let operations = updates.iter().map(|update| update.operation(&parents));
    Ok((operations.collect(), push))
}

impl Push {
    /// Notes how the client reads a report, `gitprotocol-capabilities(5)`.
    fn note(&mut self, capabilities: &[u8]) {
        for word in capabilities.split(|byte| *byte == b' ') {
            match word {
                b"report-status" | b"report-status-v2" => self.reports = true,
                b"side-band-64k" => self.side_band = Some(MAX_BAND),
                b"side-band" => self.side_band = self.side_band.or(Some(MAX_SMALL_BAND)),
                _ => {}
            }
        }
    }
}

/// What stands behind the first zero byte are capabilities, on whichever line.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let end = text.iter().position(|byte| *byte == 0);
    let end = end.unwrap_or(text.len());
    let (command, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (command, rest.get(1..).unwrap_or_default())
}

fn line(bytes: &[u8]) -> Result<(Line<'_>, &[u8]), Unreadable> {
    let malformed = || refuse("the body is not what `git push` sends");
    let (length, rest) = bytes.split_at_checked(4).ok_or_else(malformed)?;
    let hex = length.iter().all(u8::is_ascii_hexdigit);
    let length = std::str::from_utf8(length).ok().filter(|_| hex);
    let length = length.and_then(|length| usize::from_str_radix(length, 16).ok());
    match length {
        Some(0) => Ok((Line::Flush, rest)),
        // 1 to 3 are other marks, and 4 an empty line: no push has them.
        Some(length @ 5..=MAX_LINE) => {
            let (text, rest) = rest.split_at_checked(length - 4).ok_or_else(malformed)?;
            Ok((Line::Text(text), rest))
        }
        _ => Err(malformed()),
    }
}

impl<'b> Update<'b> {
    fn parse(command: &'b [u8]) -> Result<Self, Unreadable> {
        let malformed = || refuse("a command of the push is malformed");
        let text = std::str::from_utf8(command).map_err(|_| malformed())?;
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().ok_or_else(malformed);
        let (old, new, name) = (word()?, word()?, word()?);
        let id = |text: &str| is_id(text.as_bytes());
        let odd = |character: char| character.is_control() || " \\".contains(character);
        let good = id(old) && id(new) && old.len() == new.len();
        if !good || !name.starts_with("refs/") || name.contains(odd) {
            return Err(malformed());
        }
        Ok(Self {
            old: old.to_ascii_lowercase(),
            new: new.to_ascii_lowercase(),
            name,
        })
    }

    fn operation(&self, parents: &pack::Parents) -> Operation {
        let nothing = |id: &str| id.bytes().all(|byte| byte == b'0');
        let (creates, deletes) = (nothing(&self.old), nothing(&self.new));
        let force = !creates && !deletes && !self.descends(parents);
        Operation {
            name: self.name.to_owned(),
            values: vec![
                (Fact::GitRef, Value::text(self.name)),
                (Fact::GitForce, Value::Bool(force)),
                (Fact::GitDelete, Value::Bool(deletes)),
            ],
        }
    }

    fn descends(&self, parents: &pack::Parents) -> bool {
        let mut open = vec![self.new.as_str()];
        let mut seen = HashSet::new();
        while let Some(commit) = open.pop() {
            if commit == self.old {
                return true;
            }
            if seen.insert(commit) {
                open.extend(
                    parents
                        .get(commit)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        false
    }
}

/// Returns whether it is the id of an object, SHA-1 or SHA-256, in hexadecimal digits.
fn is_id(text: &[u8]) -> bool {
    [40, 64].contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit)
}

fn refuse(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}
