//! Warns of tests that hold what looks like a real secret.

use crate::config::diagnostic::Diagnostic;
use crate::connector::compile::Scope;
use crate::connector::model::connector::Connector;

/// Beginnings of real secrets, as their issuers document them.
const SECRET_MARKS: [&str; 14] = [
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "rk_live_",
    "sk-ant-",
    "sk-proj-",
    "AKIA",
    "ATATT3",
    "-----BEGIN",
];

/// Adds a warning for each test that holds one.
pub(crate) fn check(connector: &Connector, scope: &mut Scope<'_>) {
    for case in &connector.cases {
        let body = String::from_utf8_lossy(&case.body);
        let headers = case.headers.values();
        let headers = headers.filter_map(|value| value.to_str().ok());
        let mut texts = headers.chain([case.url.as_str(), &*body]);
        if texts.any(|text| SECRET_MARKS.iter().any(|mark| holds_secret(text, mark))) {
            let message = "a test holds what looks like a real secret";
            let warning = Diagnostic::warning("secret-in-test", message).at(case.place.clone());
            let help = "put an invented value there, and revoke the real one";
            scope.report.push(warning.help(help));
        }
    }
}

/// A mark counts where enough follows it to be more than a mention.
fn holds_secret(text: &str, mark: &str) -> bool {
    text.split(mark).skip(1).any(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_ ".contains(*c))
            .count()
            >= 12
    })
}
