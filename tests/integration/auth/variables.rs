//! Which variables a connector file may set for the child of `tollgate run`.

use std::collections::BTreeSet;

use tollgate::auth::{Scheme, SchemeManifest};
use tollgate::config::diagnostic::{Report, Source};
use tollgate::config::yaml;

fn problems(name: &str, listed: &[&str]) -> Vec<String> {
    let source = Source {
        name: "acme.yaml".into(),
        text: format!(
            "id: t\nfields: [token]\nbearer: '{{token}}'\nenv: {{ {name}: '{{placeholder}}' }}"
        )
        .into(),
        built_in: false,
    };
    let mut report = Report::default();
    let manifest: SchemeManifest = yaml::read(&source, &mut report).unwrap();
    let listed: BTreeSet<String> = listed.iter().map(|&name| name.to_owned()).collect();
    let scheme = Scheme::compile_with(&manifest, &listed, &source, &mut report);
    assert_eq!(scheme.is_some(), report.diagnostics.is_empty(), "{name}");
    report
        .diagnostics
        .iter()
        .map(|problem| {
            format!(
                "{}: {}",
                problem.code,
                problem.help.as_deref().unwrap_or("-")
            )
        })
        .collect()
}

#[test]
fn names_of_tokens_keys_and_users_may_be_set() {
    let names = "GITHUB_TOKEN GH_TOKEN JIRA_API_TOKEN JIRA_EMAIL OPENAI_API_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
                 AWS_SESSION_TOKEN STRIPE_SECRET SMTP_PASSWORD TWILIO_ACCOUNT_SID_AUTH PGUSER CARGO_REGISTRY_TOKEN NODE_AUTH_TOKEN \
                 GOOGLE_CLIENT_ID";
    for name in names.split_whitespace() {
        assert_eq!(problems(name, &[]), [] as [&str; 0], "{name}");
    }
}

/// Each of them makes some program load code, read another file, talk to another address, or be somebody else.
#[test]
fn names_that_programs_obey_may_not() {
    let names = "BASH_ENV ENV PERL5OPT PERL5LIB RUBYOPT RUBYLIB PYTHONSTARTUP PYTHONPATH GIT_SSH_COMMAND GIT_ASKPASS GIT_SSL_KEY \
                 GIT_EDITOR GIT_AUTHOR_EMAIL GIT_CONFIG_KEY_0 JAVA_TOOL_OPTIONS SSLKEYLOGFILE OPENAI_BASE_URL AWS_REGION \
                 SLACK_WEBHOOK_URL NODE_OPTIONS LD_PRELOAD LD_AUDIT_ID DYLD_INSERT_LIBRARIES HTTP_PROXY HTTP_PROXY_USER \
                 HTTPS_PROXY_PASSWORD NPM_CONFIG_USER PIP_USER R_PROFILE_USER R_ENVIRON_USER LESSKEY PGSSLKEY GOAUTH SUDO_USER \
                 SSH_AGENT_PID XDG_SESSION_ID COMP_KEY UID USER KEY ID EMAIL TOKEN TOLLGATE_OPERATOR_TOKEN github_token _TOKEN \
                 GITHUB_TOKEN2 PATH HOME";
    for name in names.split_whitespace() {
        let told = problems(name, &[]);
        assert!(
            told.len() == 1 && told[0].starts_with("auth-env: "),
            "{name}: {told:?}"
        );
    }
}

#[test]
fn an_operator_may_list_others_but_not_those_of_the_gateway() {
    for name in ["SLACK_WEBHOOK_URL", "AWS_REGION", "GIT_AUTHOR_EMAIL"] {
        assert_eq!(problems(name, &[name]), [] as [&str; 0], "{name}");
        let told = problems(name, &["OTHER"]);
        assert!(
            told[0].contains("`run: { env: [NAME] }`"),
            "{name}: {told:?}"
        );
    }
    for name in [
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "HTTPS_PROXY",
        "PATH",
        "TOLLGATE_CONFIG",
    ] {
        assert_eq!(problems(name, &[name]).len(), 1, "{name}");
    }
}

#[test]
fn a_variable_holds_a_placeholder_or_a_public_field() {
    let source = Source {
        name: "acme.yaml".into(),
        text: "id: t\nfields: [token]\nbearer: '{token}'\nenv: { ACME_TOKEN: '/x.sh' }".into(),
        built_in: false,
    };
    let mut report = Report::default();
    let manifest: SchemeManifest = yaml::read(&source, &mut report).unwrap();
    let scheme = Scheme::compile_with(&manifest, &BTreeSet::new(), &source, &mut report);
    assert!(scheme.is_none());
    assert!(
        report.to_text().contains("not a fixed text"),
        "{}",
        report.to_text()
    );
}
