//! Applies the options of a `curl` command to the request that it makes.

use super::CurlError;
use super::option::{self, Says};
use crate::model::media_type;

/// The options of a command, as they were written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) urls: Vec<String>,
    pub(crate) method: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) data: Vec<String>,
    pub(crate) parts: Vec<String>,
    /// Data goes into the query.
    pub(crate) get: bool,
    pub(crate) head: bool,
    pub(crate) upload: bool,
    /// Whether `--json` was given.
    pub(crate) json: bool,
    pub(crate) user: bool,
    pub(crate) signed: bool,
    pub(crate) bearer: bool,
    pub(crate) cookie: bool,
    pub(crate) query: Vec<String>,
}

/// Reads all options of a command.
pub(crate) fn options(words: &[String]) -> Result<Written, CurlError> {
    let mut written = Written::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let found: Vec<(Says, Option<String>)> = if word == "--" {
            written.urls.extend(words.by_ref().cloned());
            continue;
        } else if let Some(name) = word.strip_prefix("--") {
            vec![(option::long(name).ok_or_else(|| unknown(word))?, None)]
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            cluster(letters)?
        } else {
            written.urls.push(word.clone());
            continue;
        };
        for (says, value) in found {
            let value = match (says.has_value(), value) {
                (false, _) => String::new(),
                (true, Some(value)) => value,
                (true, None) => words
                    .next()
                    .ok_or_else(|| CurlError::NoValue(word.escape_debug().to_string()))?
                    .clone(),
            };
            written.take(says, value)?;
        }
    }
    Ok(written)
}

/// Reads `-sSXPOST`: letters, the last with its value behind it.
fn cluster(letters: &str) -> Result<Vec<(Says, Option<String>)>, CurlError> {
    let mut found = Vec::new();
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let says = option::short(letter).ok_or_else(|| unknown(&format!("-{letter}")))?;
        let value =
            (says.has_value() && !rest.as_str().is_empty()).then(|| rest.as_str().to_owned());
        let ends = value.is_some();
        found.push((says, value));
        if ends {
            break;
        }
    }
    Ok(found)
}

fn unknown(option: &str) -> CurlError {
    // A value may stick to it.
    let name: String = option
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-.".contains(*c))
        .take(40)
        .collect();
    CurlError::UnknownOption(name)
}

impl Written {
    fn take(&mut self, says: Says, value: String) -> Result<(), CurlError> {
        match says {
            Says::Nothing | Says::NothingWithValue | Says::Agent => {}
            Says::Method => self.method = Some(value),
            Says::Header => {
                // What has no colon is no header, and may be anything.
                if let Some((name, value)) = value.split_once(':') {
                    self.headers
                        .push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
            Says::Data => self.data.push(value),
            Says::Encoded => {
                let name = value.split_once(['=', '@']).map_or("", |(name, _)| name);
                self.data.push(format!("{name}="));
            }
            Says::Json => {
                self.json = true;
                self.data.push(value);
            }
            Says::Part => self
                .parts
                .extend(value.split_once('=').map(|(name, _)| name.to_owned())),
            Says::User => self.user = true,
            Says::Signed => self.signed = true,
            Says::Bearer => self.bearer = true,
            Says::Get => self.get = true,
            Says::Head => self.head = true,
            Says::Url => self.urls.push(value),
            Says::Query => self
                .query
                .extend(value.split_once('=').map(|(name, _)| name.to_owned())),
            Says::Cookie => self.cookie = true,
            Says::Upload => self.upload = true,
            Says::Next => return Err(CurlError::Next),
        }
        Ok(())
    }

    pub(crate) fn method(&self) -> String {
        let implied = if self.head {
            "HEAD"
        } else if self.get {
            "GET"
        } else if self.upload {
            "PUT"
        } else if self.data.is_empty() && self.parts.is_empty() {
            "GET"
        } else {
            "POST"
        };
        self.method
            .as_deref()
            .unwrap_or(implied)
            .to_ascii_uppercase()
    }

    pub(crate) fn content_type(&self) -> Option<String> {
        let header = self.headers.iter().find(|(name, _)| name == "content-type");
        header.map(|(_, value)| media_type::essence(value).into_owned())
    }
}
