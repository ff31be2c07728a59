//! Decides which variables a connector file may set for the child of `tollgate run`: an allow-list of forms, minus what programs
//! obey.
//!
//! A variable that a program obeys loads code, opens another address or reads another file. Connector files may come from
//! any party, so they set only names that identify a client. The operator's own file may list others.

use std::collections::BTreeSet;

/// How names end that hold an identity or a secret.
const ENDINGS: [&str; 8] = [
    "TOKEN", "KEY", "SECRET", "PASSWORD", "AUTH", "EMAIL", "USER", "ID",
];

/// Beginnings of names of that form which programs obey all the same.
const OBEYED: [(&str, &str); 15] = [
    ("ANSIBLE_", "ansible obeys settings in it"),
    ("BUNDLE_", "bundler obeys settings in it"),
    ("COMP_", "shells set it"),
    ("DBUS_", "it belongs to the session"),
    ("GIT_AUTHOR", "it says whose commits they are"),
    ("GIT_COMMITTER", "it says whose commits they are"),
    (
        "GIT_CONFIG",
        "git obeys settings in it, commands among them",
    ),
    ("GIT_SSL", "git reads trust and keys there"),
    ("LESS", "less reads a file there that names commands"),
    ("NPM_CONFIG", "npm obeys settings in it"),
    ("PIP_", "pip obeys settings in it"),
    (
        "R_",
        "R runs the files that R_PROFILE_USER and R_ENVIRON_USER name",
    ),
    ("SSH_", "it belongs to the session"),
    ("SUDO_", "it identifies a person"),
    ("XDG_", "it belongs to the session"),
];

/// The same, whole names.
const OBEYED_WHOLE: [(&str, &str); 12] = [
    ("DEBEMAIL", "Debian's tools write it into packages"),
    ("DESKTOP_STARTUP_ID", "it belongs to the session"),
    ("DOAS_USER", "it identifies a person"),
    ("EUID", "it identifies a person"),
    ("GID", "it identifies a person"),
    ("GOAUTH", "go runs the command in it"),
    ("INVOCATION_ID", "systemd sets it"),
    ("MACHINE_ID", "it belongs to the system"),
    ("PGSSLKEY", "libpq reads a key there, or loads an engine"),
    ("PPID", "shells set it"),
    ("UID", "it identifies a person"),
    ("WINDOWID", "terminals set it"),
];

/// Parts of a name that make a proxy of it, wherever they stand: `HTTP_PROXY_USER`, `FOO_PROXY_AUTH`.
const PROXY: &str = "PROXY";

/// Names that the operator cannot let a file set either, whatever they end in: the gateway sets them, or they end containment.
const RESERVED: [&str; 8] = [
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "IFS",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
];

/// Returns why a connector file may not set a variable and what to do, where it may not.
pub(super) fn objection(
    name: &str,
    listed: &BTreeSet<String>,
) -> Option<(&'static str, &'static str)> {
    if let Some(reason) = reserved(name) {
        return Some((reason, "name the variable that the API's own SDK reads"));
    }
    if listed.contains(name) {
        return None;
    }
    let help = "name the variable that the API's own SDK reads; an operator can list others in `tollgate.yaml`: `run: { env: [NAME] }`";
    if !has_form(name) {
        return Some((
            "names end in TOKEN, KEY, SECRET, PASSWORD, AUTH, EMAIL, USER or ID",
            help,
        ));
    }
    obeyed(name).map(|reason| (reason, help))
}

/// Returns the reason why no connector file may set a variable, if there is one.
fn reserved(name: &str) -> Option<&'static str> {
    let portable = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !portable {
        return Some("a variable's name is `[A-Z][A-Z0-9_]*`");
    }
    let own = name.starts_with("TOLLGATE_")
        || name.starts_with("LD_")
        || name.starts_with("DYLD_")
        || name.contains(PROXY)
        || RESERVED.contains(&name);
    own.then_some("it belongs to the gateway or the system")
}

/// The ending alone is no name: `USER`, `KEY`.
fn has_form(name: &str) -> bool {
    let mut endings = ENDINGS.iter();
    endings.any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

fn obeyed(name: &str) -> Option<&'static str> {
    let begins = OBEYED
        .iter()
        .find(|(front, _)| name.starts_with(front))
        .map(|(_, reason)| *reason);
    let whole = || {
        OBEYED_WHOLE
            .iter()
            .find(|(known, _)| name == *known)
            .map(|(_, reason)| *reason)
    };
    begins.or_else(whole)
}
