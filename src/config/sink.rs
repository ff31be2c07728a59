//! Defines the sinks of the journal as they are configured.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::{HeaderName, Uri};

use crate::model::secret::Secret;

/// A place that all records of the journal are taken to.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Names its cursor and its metrics; unique among sinks.
    pub name: String,
    /// Kind of the receiver, with its address.
    pub target: SinkTarget,
    /// Whether records stay, over the limits of `audit.retain`, until this sink has them.
    pub keeps: bool,
}

/// Kinds of receivers that records go to.
#[derive(Debug, Clone)]
pub enum SinkTarget {
    /// Standard output, one JSON line a record.
    Stdout,
    /// The end of a file, one JSON line a record. The file may be renamed away at any time.
    File(PathBuf),
    /// A syslog server, RFC 5424.
    Syslog(SyslogServer),
    /// An HTTP server that gets signed batches of records.
    Webhook(Webhook),
    /// An OpenTelemetry collector, by OTLP/HTTP in JSON.
    Otlp(Otlp),
}

/// A syslog server and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogServer {
    /// `udp://host:port`, RFC 5426: the network may lose messages.
    Udp(String),
    /// `tcp://host:port`, with octet counting, RFC 6587.
    Tcp(String),
    /// `tls://host:port`, RFC 5425: verified as upstreams are.
    Tls(String),
    /// `unix:/dev/log`, a datagram for each record.
    Unix(PathBuf),
}

/// An HTTP server and the secret that signs what it gets.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// URL that receives POST requests.
    pub url: HttpUrl,
    /// Key of the HMAC-SHA256.
    pub secret: Secret,
}

/// An OpenTelemetry collector that gets logs and traces.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// Base URL; `/v1/logs` and `/v1/traces` are appended.
    pub endpoint: HttpUrl,
    /// Headers of each request, such as a token.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether each record is sent as a log record.
    pub logs: bool,
    /// Whether each exchange is sent as a span.
    pub traces: bool,
}

/// An `http` or `https` URL without user and fragment. Its path may be a secret, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Whether the scheme is `https`.
    pub is_tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Explicit, or the scheme's own.
    pub port: u16,
    /// As in the URL: value of `Host`.
    pub authority: String,
    /// Path and query; at least `/`.
    pub path: String,
}

/// Why a text names no place that records can be sent to. A URL may hold a token, so it is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkAddressError {
    /// It has none of the four forms.
    #[error(
        "`{0}` is not a syslog server: write `udp://host:514`, `tcp://host:601`, `tls://host:6514` or `unix:/dev/log`"
    )]
    Syslog(String),
    /// It has no scheme, or no host.
    #[error("write a URL such as `https://collector.example:4318`")]
    Url,
    /// It has what does not belong there.
    #[error("a login or a fragment is not allowed in this URL")]
    Login,
}

// === impl SyslogServer ===

impl FromStr for SyslogServer {
    type Err = SinkAddressError;

    fn from_str(text: &str) -> Result<Self, SinkAddressError> {
        if let Some(path) = text
            .strip_prefix("unix:")
            .filter(|path| path.starts_with('/'))
        {
            return Ok(Self::Unix(path.into()));
        }
        let has_port = |at: &&str| {
            at.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let place = |scheme: &str| text.strip_prefix(scheme).filter(has_port);
        let made = [
            (place("udp://"), Self::Udp as fn(String) -> Self),
            (place("tcp://"), Self::Tcp),
            (place("tls://"), Self::Tls),
        ];
        let made = made
            .into_iter()
            .find_map(|(place, make)| place.map(|place| make(place.to_owned())));
        made.ok_or_else(|| SinkAddressError::Syslog(text.escape_debug().to_string()))
    }
}

// === impl HttpUrl ===

impl FromStr for HttpUrl {
    type Err = SinkAddressError;

    fn from_str(text: &str) -> Result<Self, SinkAddressError> {
        let uri: Uri = text.parse().map_err(|_| SinkAddressError::Url)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(SinkAddressError::Url),
        };
        let authority = uri.authority().ok_or(SinkAddressError::Url)?;
        if authority.as_str().contains('@') || text.contains('#') {
            return Err(SinkAddressError::Login);
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

/// For logs: scheme and authority, since the path may be a secret.
impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}
