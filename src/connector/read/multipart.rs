//! Splits multipart bodies (RFC 2046, RFC 7578) by a grammar that every parser agrees on.
//!
//! INVARIANT: the boundary stands nowhere but between parts, and nothing stands before the first or behind the last.

use std::borrow::Cow;

use memchr::memmem;

use crate::connector::read::form::{Content, Form, refuse};
use crate::connector::read::unreadable::Unreadable;
use crate::model::media_type::MediaType;
use crate::model::target::MAX_NAMES;

/// Bytes of one part's head.
const MAX_HEAD: usize = 8 * 1024;

/// One part: its head, and what follows the empty line.
#[derive(Debug)]
pub(crate) struct BodyPart<'b> {
    /// Name in lower case, value without surrounding blanks.
    headers: Vec<(String, &'b str)>,
    pub(crate) content: &'b [u8],
}

/// Splits a body at its boundary.
pub(crate) fn parts<'b>(bytes: &'b [u8], boundary: &str) -> Result<Vec<BodyPart<'b>>, Unreadable> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    let mut closed = false;
    for at in memmem::find_iter(bytes, delimiter.as_bytes()) {
        let (before, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
        let after = rest.get(delimiter.len()..).unwrap_or_default();
        // A boundary that lacks its line would be one for some parsers, and content for others.
        let starts_line = at == 0 || (open.is_some() && before.ends_with(b"\r\n"));
        if closed || !starts_line {
            return Err(refuse(
                "the boundary of the body stands where no part begins",
            ));
        }
        if let Some(start) = open {
            let whole = before.get(start..at.saturating_sub(2));
            parts.push(BodyPart::parse(whole.unwrap_or_default())?);
        }
        if parts.len() > MAX_NAMES {
            return Err(refuse(format!("the body has over {MAX_NAMES} parts")));
        }
        match after {
            [b'\r', b'\n', ..] => open = Some(at + delimiter.len() + 2),
            [b'-', b'-'] | [b'-', b'-', b'\r', b'\n'] if at > 0 => closed = true,
            _ => return Err(refuse("a part of the body does not end as one")),
        }
    }
    if closed {
        Ok(parts)
    } else {
        Err(refuse("the body does not end with its boundary"))
    }
}

impl<'b> BodyPart<'b> {
    fn parse(bytes: &'b [u8]) -> Result<Self, Unreadable> {
        let malformed = || refuse("a part of the body has a malformed head");
        let (head, content) = match bytes.strip_prefix(b"\r\n") {
            Some(content) => (&[][..], content),
            None => {
                let end = memmem::find(bytes, b"\r\n\r\n").filter(|end| *end <= MAX_HEAD);
                let (head, rest) = end
                    .and_then(|end| bytes.split_at_checked(end))
                    .ok_or_else(malformed)?;
                (head, rest.get(4..).unwrap_or_default())
            }
        };
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        let mut headers: Vec<(String, &str)> = Vec::new();
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            // Also a folded line, whose first character is a blank, and a bare line feed.
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || !name.bytes().all(token) || value.contains(char::is_control) {
                return Err(malformed());
            }
            let name = name.to_ascii_lowercase();
            if headers.iter().any(|(known, _)| *known == name) {
                return Err(refuse("a part of the body has a header twice"));
            }
            headers.push((name, value.trim_matches(' ')));
        }
        let part = Self { headers, content };
        part.check_length()?;
        Ok(part)
    }

    /// Reads the content as a message of its own: the line that it begins with, and what follows as another part.
    pub(crate) fn request_line(&self) -> Option<(&'b str, Self)> {
        let end = memmem::find(self.content, b"\r\n").filter(|end| *end <= MAX_HEAD)?;
        let (line, rest) = self.content.split_at_checked(end)?;
        let line = std::str::from_utf8(line).ok()?;
        Some((line, Self::parse(rest.get(2..)?).ok()?))
    }

    /// Iterates over the headers.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &'b str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&'b str> {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// Refuses a length that is not true, and content that would have to be decoded once more.
    fn check_length(&self) -> Result<(), Unreadable> {
        let length = self.header("content-length");
        if length.is_some_and(|length| length != self.content.len().to_string()) {
            return Err(refuse("a part of the body has another length than it says"));
        }
        let coding = self.header("content-transfer-encoding").unwrap_or("binary");
        let plain = ["binary", "8bit", "7bit"];
        if !plain.iter().any(|known| coding.eq_ignore_ascii_case(known)) {
            return Err(refuse("a part of the body is encoded"));
        }
        Ok(())
    }

    /// Returns whether every server takes the part for a field: some take any other type for that of a file.
    fn is_text(&self) -> Result<bool, Unreadable> {
        let Some(kind) = self.header("content-type") else {
            return Ok(true);
        };
        let kind = MediaType::read(kind);
        if kind.starts_with("multipart/") {
            return Err(refuse("a part of the form has parts of its own"));
        }
        let is_plain = kind.is("text/plain") || kind.is("application/json");
        if !is_plain || kind.has_other_params("charset") {
            return Ok(false);
        }
        if !kind.is_utf8() {
            return Err(refuse("a part of the form is not UTF-8 text"));
        }
        Ok(true)
    }

    /// Returns the name and the content of a part of `multipart/form-data`.
    fn pair(&self) -> Result<(&'b str, Content<'b>), Unreadable> {
        let disposition = self.header("content-disposition").unwrap_or_default();
        let (name, is_file) = disposition_name(disposition)
            .ok_or_else(|| refuse("a part of the form has no name that can be read in one way"))?;
        // Its content would name the charset of all others.
        if name.eq_ignore_ascii_case("_charset_") {
            return Err(refuse("the form names a charset"));
        }
        let is_text = self.is_text()?;
        if is_file || !is_text {
            return Ok((name, Content::File));
        }
        let text = std::str::from_utf8(self.content)
            .map_err(|_| refuse("a part of the form is not UTF-8"))?;
        // It ends a string in C, as it does in an urlencoded form.
        if text.contains('\0') {
            return Err(refuse("a field of the form holds a NUL"));
        }
        Ok((name, Content::Text(Cow::Borrowed(text))))
    }
}

impl<'b> Form<'b> {
    /// Reads a `multipart/form-data` body.
    pub(crate) fn multipart(bytes: &'b [u8], boundary: &str) -> Result<Self, Unreadable> {
        let mut form = Self::default();
        for part in parts(bytes, boundary)? {
            let (name, content) = part.pair()?;
            form.push(Cow::Borrowed(name), content)?;
        }
        Ok(form)
    }
}

/// Reads `form-data; name="a"; filename="b"; filename*=c`, in this order: the name, and whether the part is a file.
///
/// Parsers that search the line find the first `name="` or the last `; name=`, so the name comes first, and nothing behind it
/// may look like one.
fn disposition_name(text: &str) -> Option<(&str, bool)> {
    let rest = strip_word(text, "form-data")?;
    let (key, name, mut rest) = parameter(rest)?;
    if !key.eq_ignore_ascii_case("name") {
        return None;
    }
    let mut is_file = false;
    for wanted in ["filename", "filename*"] {
        let Some((key, value, tail)) = parameter(rest) else {
            continue;
        };
        if key.eq_ignore_ascii_case(wanted) {
            if value.contains(';') && value.contains('=') {
                return None;
            }
            (is_file, rest) = (true, tail);
        }
    }
    rest.is_empty().then_some((name, is_file))
}

/// Splits `; key=value` off.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (key, tail) = text
        .strip_prefix(';')?
        .trim_start_matches(' ')
        .split_once('=')?;
    let (value, tail) = value(tail)?;
    Some((key, value, tail.trim_start_matches(' ')))
}

fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (front, rest) = text.split_at_checked(word.len())?;
    front
        .eq_ignore_ascii_case(word)
        .then(|| rest.trim_start_matches(' '))
}

/// Splits a value off: a token, or a text in quotes that holds no escaped quote.
fn value(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('"') {
        let (value, tail) = inner.split_once('"')?;
        return (!value.ends_with('\\')).then_some((value, tail));
    }
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_|~'%*".contains(c);
    let end = text.find(|c| !token(c)).unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(value, _)| !value.is_empty())
}
