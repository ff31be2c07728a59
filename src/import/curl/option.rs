//! Lists `curl`'s options, with what each says of the request.

/// What an option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Nothing about the request; it stands alone.
    Nothing,
    /// Nothing about the request; a value follows.
    NothingWithValue,
    Method,
    Header,
    Data,
    Encoded,
    Json,
    Part,
    User,
    Bearer,
    Signed,
    Get,
    Head,
    Url,
    Query,
    Cookie,
    Agent,
    Upload,
    /// The next request begins.
    Next,
}

impl Says {
    /// Returns whether a value follows.
    pub(crate) fn has_value(self) -> bool {
        !matches!(self, Self::Nothing | Self::Get | Self::Head | Self::Next)
    }
}

/// Those that say something.
const SAYING: [(&str, &str, Says); 23] = [
    ("request", "X", Says::Method),
    ("header", "H", Says::Header),
    ("data", "d", Says::Data),
    ("data-ascii", "", Says::Data),
    ("data-binary", "", Says::Data),
    ("data-raw", "", Says::Data),
    ("data-urlencode", "", Says::Encoded),
    ("json", "", Says::Json),
    ("form", "F", Says::Part),
    ("form-string", "", Says::Part),
    ("user", "u", Says::User),
    ("oauth2-bearer", "", Says::Bearer),
    ("get", "G", Says::Get),
    ("head", "I", Says::Head),
    ("url", "", Says::Url),
    ("url-query", "", Says::Query),
    ("cookie", "b", Says::Cookie),
    ("user-agent", "A", Says::Agent),
    ("referer", "e", Says::Agent),
    ("upload-file", "T", Says::Upload),
    ("next", ":", Says::Next),
    ("aws-sigv4", "", Says::Signed),
    ("proxy", "x", Says::NothingWithValue),
];

/// Those that stand alone and say nothing of the request.
const ALONE: [(&str, &str); 32] = [
    ("anyauth", ""),
    ("basic", ""),
    ("compressed", ""),
    ("digest", ""),
    ("disable", "q"),
    ("fail", "f"),
    ("fail-early", ""),
    ("fail-with-body", ""),
    ("globoff", "g"),
    ("http1.0", "0"),
    ("http1.1", ""),
    ("http2", ""),
    ("http2-prior-knowledge", ""),
    ("http3", ""),
    ("include", "i"),
    ("insecure", "k"),
    ("ipv4", "4"),
    ("ipv6", "6"),
    ("junk-session-cookies", "j"),
    ("location", "L"),
    ("location-trusted", ""),
    ("no-buffer", "N"),
    ("path-as-is", ""),
    ("progress-bar", "#"),
    ("remote-header-name", "J"),
    ("remote-name", "O"),
    ("show-error", "S"),
    ("silent", "s"),
    ("ssl-reqd", ""),
    ("tcp-nodelay", ""),
    ("tlsv1.2", ""),
    ("verbose", "v"),
];

/// Those that take a value and say nothing of the request.
const WITH_VALUE: [(&str, &str); 24] = [
    ("cacert", ""),
    ("cert", "E"),
    ("connect-timeout", ""),
    ("connect-to", ""),
    ("cookie-jar", "c"),
    ("dump-header", "D"),
    ("interface", ""),
    ("key", ""),
    ("limit-rate", ""),
    ("max-redirs", ""),
    ("max-time", "m"),
    ("noproxy", ""),
    ("output", "o"),
    ("proxy-user", "U"),
    ("range", "r"),
    ("resolve", ""),
    ("retry", ""),
    ("retry-delay", ""),
    ("retry-max-time", ""),
    ("speed-limit", "Y"),
    ("speed-time", "y"),
    ("trace-ascii", ""),
    ("unix-socket", ""),
    ("write-out", "w"),
];

/// Finds an option by its name without dashes.
pub(crate) fn long(name: &str) -> Option<Says> {
    find(|long, _| long == name).or_else(|| {
        let positive = name.strip_prefix("no-")?;
        find(|long, _| long == positive).filter(|says| *says == Says::Nothing)
    })
}

/// Finds an option by its letter.
pub(crate) fn short(letter: char) -> Option<Says> {
    find(|_, short| short.starts_with(letter))
}

fn find(wanted: impl Fn(&str, &str) -> bool) -> Option<Says> {
    let saying = SAYING
        .iter()
        .map(|(long, short, says)| (*long, *short, *says));
    let alone = ALONE
        .iter()
        .map(|(long, short)| (*long, *short, Says::Nothing));
    let with_value = WITH_VALUE
        .iter()
        .map(|(long, short)| (*long, *short, Says::NothingWithValue));
    saying
        .chain(alone)
        .chain(with_value)
        .find(|(long, short, _)| wanted(long, short))
        .map(|(_, _, says)| says)
}
