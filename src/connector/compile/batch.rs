//! Compiles where a batch holds its members.

use crate::config::yaml::ShortOr;
use crate::connector::compile::paths::{JsonPathError, Paths};
use crate::connector::manifest::entry::BatchEntry;
use crate::connector::model::batch::{Batch, MemberKeys, Members};

/// Why a file does not say where a batch holds its members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BatchError {
    #[error("`{0}` is not a list of members")]
    NotAList(String),
    #[error("`{0}` is not a plain path")]
    NotPlain(String),
    #[error("`base` begins with a slash and ends without one")]
    Base,
    #[error(transparent)]
    Path(#[from] JsonPathError),
}

impl Batch {
    /// Compiles what is written.
    pub(crate) fn compile(entry: &BatchEntry, paths: &mut Paths) -> Result<Self, BatchError> {
        match entry {
            ShortOr::Short(word) if word == "multipart" => Ok(Self::Multipart),
            ShortOr::Short(word) if word == "undecoded" => Ok(Self::Undecoded),
            ShortOr::Short(list) => Members::compile(list, [None; 5], paths).map(Self::Json),
            ShortOr::Long(map) => {
                let text = |entry: &'_ Option<crate::config::yaml::At<String>>| {
                    entry.as_ref().map(|entry| entry.value.clone())
                };
                let [method, path, body] = [&map.method, &map.path, &map.body].map(text);
                let [headers, base] = [&map.headers, &map.base].map(text);
                let said = [&method, &path, &body, &headers, &base].map(Option::as_deref);
                Members::compile(&map.members.value, said, paths).map(Self::Json)
            }
        }
    }
}

impl Members {
    fn compile(
        list: &str,
        [method, path, body, headers, base]: [Option<&str>; 5],
        paths: &mut Paths,
    ) -> Result<Self, BatchError> {
        let front = list.strip_suffix("[*]");
        let front = front.ok_or_else(|| BatchError::NotAList(list.escape_debug().to_string()))?;
        let list = keys(front)?;
        let own = |said: Option<&str>, usual: &str| keys(said.unwrap_or(usual));
        let path = match path {
            Some(path) => vec![keys(path)?],
            None => vec![keys("$.path")?, keys("$.url")?],
        };
        let base = base.unwrap_or_default();
        if !base.is_empty() && (!base.starts_with('/') || base.ends_with('/')) {
            return Err(BatchError::Base);
        }
        let mut members = Self {
            list,
            method: own(method, "$.method")?,
            path,
            body: own(body, "$.body")?,
            headers: own(headers, "$.headers")?,
            base: base.to_owned(),
            ids: Vec::new(),
        };
        let named = members.path.iter();
        let named = named.chain([&members.method, &members.body, &members.headers]);
        for keys in named {
            let text = format!("{front}[*].{}", keys.join("."));
            members.ids.push(paths.intern(&text)?);
        }
        Ok(members)
    }
}

fn keys(text: &str) -> Result<MemberKeys, BatchError> {
    let wrong = || BatchError::NotPlain(text.escape_debug().to_string());
    let rest = text.strip_prefix('$').ok_or_else(wrong)?;
    let good = |key: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$".contains(&byte);
        !key.is_empty() && key.bytes().all(plain)
    };
    let mut keys = Vec::new();
    for key in rest.split('.').skip(1) {
        keys.push(Some(key).filter(|key| good(key)).ok_or_else(wrong)?.into());
    }
    if keys.is_empty() && !rest.is_empty() {
        return Err(wrong());
    }
    Ok(keys)
}
