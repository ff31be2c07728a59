//! Reads the request that a `curl` command makes with its values, to be judged and sent nowhere.

use super::{CurlError, split};

/// A request as a command makes it, with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurlRequest {
    /// Method in upper case.
    pub method: String,
    /// As written; with `https://` in front where nothing is.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What the options of data say, joined by `&`.
    pub body: String,
}

/// Reads the request of a command with its values, to be judged and sent nowhere. Values that curl encodes or reads from files are
/// left out, and so are credentials of `--user`.
///
/// # Errors
/// What cannot be read of it.
pub fn request(command: &str) -> Result<CurlRequest, CurlError> {
    let written = split(command)?;
    let [url] = written.urls.as_slice() else {
        return Err(CurlError::Urls(written.urls.len()));
    };
    if !written.parts.is_empty() {
        return Err(CurlError::UnknownOption("--form".to_owned()));
    }
    let data = written.data.join("&");
    let mut request = CurlRequest {
        method: written.method(),
        url: if url.contains("://") {
            url.clone()
        } else {
            format!("https://{url}")
        },
        headers: written.headers.clone(),
        body: String::new(),
    };
    if data.is_empty() {
        return Ok(request);
    }
    if written.get {
        let sign = if request.url.contains('?') { '&' } else { '?' };
        request.url = format!("{}{sign}{data}", request.url);
        return Ok(request);
    }
    if written.content_type().is_none() {
        let kind = if written.json {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let header = ("content-type".to_owned(), kind.to_owned());
        request.headers.push(header);
    }
    request.body = data;
    Ok(request)
}
