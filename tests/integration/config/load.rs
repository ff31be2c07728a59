//! `tollgate.yaml`, found, overridden by variables, checked. Broken files lie in `tests/configs`; what is told is the snapshot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tollgate::config::{
    Args, Config, Durability, EgressAllow, Field, Listen, LogFormat, Role, Secrets, VaultKey, load,
};

/// A working directory with a home that holds nothing.
struct Place {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home").display().to_string();
        Self {
            dir,
            env: BTreeMap::from([("HOME".to_owned(), home)]),
        }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn args(&self) -> Args {
        let named = Path::new("tollgate.yaml");
        let is_there = self.path("tollgate.yaml").exists();
        let other = self.env.contains_key("TOLLGATE_CONFIG");
        Args {
            config: (is_there && !other).then(|| named.to_owned()),
            cwd: self.dir.path().to_owned(),
            env: self.env.clone(),
            secrets: Secrets::Needed,
        }
    }

    fn load(&self) -> Config {
        load(&self.args()).unwrap_or_else(|report| panic!("{}", report.to_text()))
    }

    /// Returns what is told, with the temporary directory taken out.
    fn problems(&self) -> String {
        let report = load(&self.args()).expect_err("accepted");
        report
            .to_text()
            .replace(&self.dir.path().display().to_string(), "DIR")
    }
}

#[test]
fn reads_everything_that_the_contract_names() {
    let place = Place::new()
        .file(
            "etc/tollgate.yaml",
            include_str!("../../configs/good/everything.yaml"),
        )
        .file("etc/secrets/gh", "ghp_0123456789\n")
        .file("etc/ca.pem", "-----BEGIN CERTIFICATE-----\n")
        .file("etc/ca.key", "")
        .file("etc/connectors.d/x.yaml", "")
        .file("etc/policies.d/x.yaml", "")
        .env("CI_AGENT_TOKEN", "tga_0123456789abcdef0123")
        .env("ADA_TOKEN", "tgo_0123456789abcdef0123")
        .env("MASTER", "00112233445566778899aabbccddeeff");
    let args = Args {
        config: Some("etc/tollgate.yaml".into()),
        ..place.args()
    };
    let config = load(&args).unwrap_or_else(|report| panic!("{}", report.to_text()));
    let etc = place.path("etc");
    assert_eq!(config.file, Some(etc.join("tollgate.yaml")));
    assert_eq!(
        config.proxy,
        [
            Listen::Tcp("127.0.0.1".into(), 7070),
            Listen::Tcp("[::1]".into(), 0)
        ]
    );
    let tls = config.proxy_tls.unwrap();
    assert_eq!(
        (tls.cert, tls.key),
        (etc.join("ca.pem"), etc.join("ca.key"))
    );
    let chain = config.egress_proxy.unwrap();
    assert_eq!(chain.authority.to_string(), "proxy.corp:3128");
    assert!(
        matches!(&chain.login, Some((name, password)) if name == "gateway" && password.len() == 14)
    );
    assert_eq!(chain.except.len(), 2);
    assert_eq!(config.admin, [Listen::Unix(etc.join("run/admin.sock"))]);
    assert_eq!(config.metrics, []);
    assert_eq!(
        (
            config.limits.pending_approvals,
            config.limits.pending_approvals_per_agent
        ),
        (10, 2)
    );
    let limits = &config.limits;
    assert_eq!(
        (
            limits.tunnels,
            limits.tunnels_per_agent,
            limits.unauthenticated
        ),
        (100, 50, 64)
    );
    assert_eq!(
        (
            limits.streams,
            limits.streams_per_agent,
            limits.body_per_agent
        ),
        (200, 40, 32 << 20)
    );
    assert_eq!(
        (config.approval.timeout, config.approval.expires),
        (Duration::from_secs(20), Duration::from_secs(3600))
    );
    assert_eq!(
        (config.data_dir, config.connectors),
        (etc.join("state"), vec![etc.join("connectors.d")])
    );
    assert_eq!(
        config.store_url,
        format!("sqlite:{}", etc.join("state/x.db").display())
    );
    assert!(matches!(config.vault_key, VaultKey::Key(key) if key.len() == 32));
    let agent = &config.agents[0];
    assert_eq!(
        (
            agent.agent.name.as_str(),
            agent.agent.labels["team"].as_str()
        ),
        ("ci", "payments")
    );
    assert_eq!(
        agent
            .token
            .as_ref()
            .map(tollgate::model::secret::Secret::len),
        Some(24)
    );
    assert!(config.agents[1].token.is_none());
    let credential = &config.credentials[0];
    assert_eq!(
        (
            credential.id.as_str(),
            credential.connector.as_str(),
            credential.scheme.as_deref()
        ),
        ("gh", "github", Some("token"))
    );
    assert_eq!(credential.binding.hosts, ["api.github.com:443"]);
    assert_eq!(
        (
            credential.binding.path.as_str(),
            &credential.binding.agents[..]
        ),
        ("/repos", &["ci".to_owned()][..])
    );
    assert!(matches!(&credential.fields["token"], Field::Secret(secret) if secret.len() == 14));
    assert!(
        matches!(&credential.fields["email"], Field::Public(email) if email == "ci@corp.example")
    );
    assert_eq!(
        (
            config.operators[0].role,
            config.operators[0].groups.contains("finance")
        ),
        (Role::Approver, true)
    );
    assert!(
        matches!(&config.egress.allow[0], EgressAllow::Host(host, 8443) if host.to_string() == "billing.corp")
    );
    assert!(
        matches!(&config.egress.allow[1], EgressAllow::Net(net, 443) if net.to_string() == "10.1.2.0/24")
    );
    assert_eq!(
        config.egress.resolve.into_values().collect::<Vec<_>>(),
        [["127.0.0.1:9443".parse().unwrap()]]
    );
    assert_eq!(
        (config.limits.body, config.limits.first_byte),
        (2 << 20, Duration::from_secs(60))
    );
    assert_eq!(
        (
            config.audit.refusals.per_minute,
            config.audit.refusals.burst
        ),
        (600, 20)
    );
    assert_eq!(
        (config.audit.durability, config.log.format),
        (Durability::Fsync, LogFormat::Json)
    );
}

#[test]
fn does_without_a_file_and_reads_nothing_of_the_working_directory() {
    let place = Place::new()
        .file("connectors.d/evil.yaml", "")
        .file("policies.d/evil.yaml", "");
    let config = place.load();
    if config.file.is_none() {
        assert!(config.connectors.is_empty() && config.policies.is_empty());
        assert_eq!(config.proxy, [Listen::Tcp("127.0.0.1".into(), 7070)]);
        assert_eq!(config.data_dir, place.path("home/.local/state/tollgate"));
    }
    let embedded = Config::embedded(&place.env).unwrap();
    assert_eq!((embedded.file, embedded.limits.body), (None, 1 << 20));
    assert!(
        matches!(embedded.vault_key, VaultKey::File(path) if path.ends_with("tollgate/master.key"))
    );
}

#[test]
fn finds_the_file_in_the_order_of_the_contract() {
    let named = |port: u16| format!("proxy: {{ listen: ['127.0.0.1:{port}'] }}\n");
    let mut place = Place::new().file("home/.config/tollgate/tollgate.yaml", &named(3));
    let port = |place: &Place| match &place.load().proxy[0] {
        Listen::Tcp(_, port) => *port,
        Listen::Unix(path) => panic!("{}", path.display()),
    };
    assert_eq!(port(&place), 3);
    let xdg = place.path("xdg").display().to_string();
    place = place
        .file("xdg/tollgate/tollgate.yaml", &named(2))
        .env("XDG_CONFIG_HOME", &xdg);
    assert_eq!(port(&place), 2);
    let recorded = place.path("mine.yaml").display().to_string();
    place = place.file("mine.yaml", &named(1)).file(
        "home/.local/state/tollgate/config.path",
        &format!("{recorded}\n"),
    );
    assert_eq!(port(&place), 1);
    let chosen = place.path("chosen").display().to_string();
    place = place
        .file("chosen/config.path", &format!("{recorded}\n"))
        .env("TOLLGATE_DATA_DIR", &chosen);
    assert_eq!(port(&place), 1);
    place = place
        .file("other.yaml", &named(4))
        .env("TOLLGATE_CONFIG", "other.yaml");
    assert_eq!(port(&place), 4);
}

#[test]
fn takes_every_scalar_and_list_of_scalars_from_a_variable() {
    let place = Place::new()
        .file(
            "tollgate.yaml",
            "limits: { body: 1MiB }\nproxy: { listen: ['127.0.0.1:1'] }\n",
        )
        .file("level", "debug\n")
        .file("c/x", "")
        .env("TOLLGATE_LIMITS_BODY", "3MiB")
        .env("TOLLGATE_LIMITS_JSON_NODES", "7")
        .env("TOLLGATE_LIMITS_FIRST_BYTE", "5s")
        .env("TOLLGATE_PROXY_LISTEN", "127.0.0.1:2, unix:p.sock")
        .env("TOLLGATE_CONNECTORS", "c")
        .env("TOLLGATE_AUDIT_DURABILITY", "batched")
        .env("TOLLGATE_VAULT_KEY_FILE", "k")
        .env("TOLLGATE_LOG_LEVEL_FILE", "level")
        .env("TOLLGATE_OPERATOR_TOKEN", "tgo_x")
        .env("TOLLGATE_PORT", "tcp://10.0.0.1:7070")
        .env("TOLLGATE_SERVICE_HOST", "10.0.0.1")
        .env("TOLLGATE_ADMIN_PORT_7071_TCP_ADDR", "10.0.0.1");
    let config = place.load();
    assert_eq!((config.limits.body, config.limits.json_nodes), (3 << 20, 7));
    assert_eq!(config.limits.first_byte, Duration::from_secs(5));
    assert_eq!(
        config.proxy,
        [
            Listen::Tcp("127.0.0.1".into(), 2),
            Listen::Unix(place.path("p.sock"))
        ]
    );
    assert_eq!(config.connectors, [place.path("c")]);
    assert_eq!(
        (config.audit.durability, config.log.level.as_str()),
        (Durability::Batched, "debug")
    );
    assert!(matches!(config.vault_key, VaultKey::File(path) if path == place.path("k")));
}

#[test]
fn tells_what_is_wrong_with_variables() {
    let place = Place::new()
        .env("TOLLGATE_LIMITS_FIRST_BITE", "5s")
        .env("TOLLGATE_LIMITS_BODY", "much")
        .env("TOLLGATE_LIMITS_JSON_NODES", "-1")
        .env("TOLLGATE_PROXY_LISTEN", "here")
        .env("TOLLGATE_LOG_LEVEL", "info")
        .env("TOLLGATE_LOG_LEVEL_FILE", "level")
        .env("TOLLGATE_LOG_FORMAT_FILE", "missing")
        .file("level", "info");
    let mut told = place.problems();
    insta::assert_snapshot!(told, @r"
    error[unknown-variable]: the variable `TOLLGATE_LIMITS_FIRST_BITE` is not known
      --> TOLLGATE_LIMITS_FIRST_BITE
      help: close to it: `TOLLGATE_LIMITS_FIRST_BYTE`, `TOLLGATE_LIMITS_IDLE`, `TOLLGATE_LIMITS_STREAMS`

    error[unreadable-file]: the file of `TOLLGATE_LOG_FORMAT_FILE` cannot be read: No such file or directory (os error 2)
      --> TOLLGATE_LOG_FORMAT_FILE

    error[duplicate-variable]: `TOLLGATE_LOG_LEVEL_FILE` and the same with `_FILE` are both set
      --> TOLLGATE_LOG_LEVEL_FILE

    error[invalid-value]: `much` is not a size: write `512KiB`, `1MiB` or `2GiB`
      --> TOLLGATE_LIMITS_BODY

    error[invalid-value]: `-1` is not a whole number from 0
      --> TOLLGATE_LIMITS_JSON_NODES

    error[invalid-value]: `here` is not a place to listen at: write `127.0.0.1:7070` or `unix:/path`
      --> the environment
    ");
    told = Place {
        env: place
            .env
            .iter()
            .filter(|(name, _)| name.contains("PROXY") || *name == "HOME")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        ..place
    }
    .problems();
    insta::assert_snapshot!(told, @r"
    error[invalid-value]: `here` is not a place to listen at: write `127.0.0.1:7070` or `unix:/path`
      --> the environment
    ");
}

#[test]
fn says_what_it_asked_for_in_vain() {
    let place = Place::new().env("TOLLGATE_CONFIG", "nowhere.yaml");
    insta::assert_snapshot!(place.problems(), @r"
    error[unreadable-file]: `nowhere.yaml` cannot be read: No such file or directory (os error 2)
      --> nowhere.yaml
    ");
    let homeless = Place {
        env: BTreeMap::new(),
        ..Place::new()
    };
    insta::assert_snapshot!(homeless.problems(), @r"
    error[no-state-directory]: the gateway has no directory for its state
      help: set `data_dir`, or the variable `HOME`
    ");
    let latin = Place::new();
    fs::write(latin.path("tollgate.yaml"), b"log:\n  level: caf\xe9\n").unwrap();
    insta::assert_snapshot!(latin.problems(), @r"
    error[not-utf8]: `tollgate.yaml` is not UTF-8
      --> tollgate.yaml:2:13
      help: save the file as UTF-8
    ");
}

#[test]
fn never_shows_a_secret() {
    let secret = "ghp_veryverysecret0123";
    let place = Place::new().file("tollgate.yaml", &format!("agents:\n  - name: ci\n    token: {secret}\n  - name: short\n    token: {{ env: S }}\n")).env("S", "hunter2hunter2");
    let told = place.problems();
    assert!(
        !told.contains(secret) && !told.contains("hunter2"),
        "{told}"
    );
    let report = load(&place.args()).expect_err("accepted");
    assert!(!format!("{}{}", report.to_json(), report.to_sarif()).contains(secret));
    insta::assert_snapshot!(told, @r"
    error[secret-in-file]: secrets are not allowed in this file: write `{ file: path }` or `{ env: NAME }`
      --> tollgate.yaml:3:12

    error[weak-token]: this token is shorter than 20 characters
      --> tollgate.yaml:5:12
      |
    5 |     token: { env: S }
      |            ^
    ");
}

#[test]
fn tells_what_is_wrong_with_each_broken_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    assert!(names.len() >= 8, "{names:?}");
    names.sort();
    for path in names {
        let place = Place::new()
            .file("tollgate.yaml", &fs::read_to_string(&path).unwrap())
            .env("TOKEN", "tga_0123456789abcdef");
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("config_{name}"), place.problems());
        });
    }
}

#[test]
fn tells_of_paths_that_a_shell_has_not_read_and_of_roots_without_a_certificate() {
    for (written, expected) in [
        ("data_dir: ~/state", "`~/state` is not expanded"),
        (
            "vault: { key: { file: ~/master.key } }",
            "`~/master.key` is not expanded",
        ),
        (
            "store: { url: 'sqlite:~/x.db' }",
            "a store is `sqlite:path/to/file`",
        ),
        (
            "admin: { listen: ['unix:~/admin.sock'] }",
            "is not a place to listen at",
        ),
        (
            "egress: { ca_files: [tollgate.yaml] }",
            "`tollgate.yaml` has no certificate",
        ),
    ] {
        let problems = Place::new().file("tollgate.yaml", written).problems();
        assert!(problems.contains(expected), "{written}: {problems}");
    }
}

#[test]
fn tells_what_is_wrong_with_the_proxy_of_upstreams() {
    for (written, expected) in [
        (
            "proxy.corp:3128",
            "is not the URL of a proxy, as in `http://proxy.corp:3128`",
        ),
        ("http://proxy.corp", "names no port"),
        (
            "socks5://proxy.corp:1080",
            "a proxy is reached by `http://`, not `socks5://`",
        ),
        (
            "{ url: 'http://p:1', username: gateway }",
            "a user name needs a `password`",
        ),
        (
            "{ url: 'http://p:1', password: { env: HOME } }",
            "a password needs a `username`",
        ),
        ("{ username: gateway }", "`url` is missing"),
    ] {
        let place = Place::new().file("tollgate.yaml", &format!("egress: {{ proxy: {written} }}"));
        let told = place.env("HOME", "/nowhere").problems();
        assert!(told.contains(expected), "{written}: {told}");
    }
    let place = Place::new().file(
        "tollgate.yaml",
        "egress: { proxy: 'http://gateway:hunter2@proxy.corp:3128' }",
    );
    let told = place.problems();
    assert!(told.contains("a login is not allowed in the URL"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
