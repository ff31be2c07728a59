//! A gateway: the real one, started in this process on a configuration of its own, with every port 0 and every name at a test's upstreams.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tollgate::cli::{ProcessEnv, Serving, SocketActivation};
use tollgate::model::clock::Clock;
use tollgate::store::Store;

use super::agent::Agent;
use super::tollgate::{Served, Shell};
use super::upstream::Upstream;

/// The token of agent `ci`.
const TOKEN: &str = "tga_integration_0123456789abcdef0123";

/// Nothing in a test may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(20);

type Environment = BTreeMap<OsString, OsString>;

/// A gateway that is being described.
#[derive(Debug)]
pub(crate) struct Builder {
    directory: tempfile::TempDir,
    resolve: String,
    egress: String,
    ca_files: Vec<String>,
    credentials: String,
    agents: String,
    operators: String,
    settings: String,
    listen: Vec<String>,
    tls: bool,
    admin_tls: bool,
    environment: Environment,
    handed: Option<TcpListener>,
    clock: Clock,
    /// Built-in connectors that it loads; few, since each test compiles them.
    built_in: &'static str,
}

/// A running gateway. Every test ends with [`Gateway::stop`] or drops it.
#[derive(Debug)]
pub(crate) struct Gateway {
    serving: Option<Serving>,
    pub(crate) agent: Agent,
    directory: tempfile::TempDir,
    environment: Environment,
    clock: Clock,
    /// Held for the next one that starts.
    handed: Option<TcpListener>,
}

/// What a gateway that is a process of its own is started with.
#[derive(Debug)]
pub(crate) struct Apart {
    pub(crate) shell: Shell,
    listener: TcpListener,
}

impl Apart {
    /// Starts it, after a line of shell, and returns once it is ready, with its agent `ci`.
    pub(crate) async fn serve(&self, before: &str) -> (Served, Agent) {
        let mut served = self.shell.start_on_after(before, &self.listener);
        served.wait_for("ready").await;
        let agent = Agent {
            proxy: self.listener.local_addr().unwrap(),
            name: "ci".into(),
            token: TOKEN.into(),
            ca_pem: std::fs::read_to_string(self.shell.path("state/ca.pem")).unwrap(),
        };
        (served, agent)
    }
}

impl Builder {
    /// Describes a gateway whose agent `ci` may do nothing yet.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for folder in ["connectors.d", "policies.d", "secrets"] {
            std::fs::create_dir(directory.path().join(folder)).unwrap();
        }
        let builder = Self {
            directory,
            resolve: String::new(),
            egress: String::new(),
            ca_files: Vec::new(),
            credentials: String::new(),
            agents: String::new(),
            operators: String::new(),
            settings: String::new(),
            listen: vec!["127.0.0.1:0".to_owned()],
            tls: false,
            admin_tls: false,
            environment: Environment::new(),
            handed: None,
            clock: Clock::system(),
            built_in: "jira",
        };
        builder.agent("ci", TOKEN, "{}")
    }

    /// Describes one that loads GitHub's connector too.
    pub(crate) fn with_github() -> Self {
        Self {
            built_in: "github, jira",
            ..Self::new()
        }
    }

    /// Writes `connectors.d/<name>.yaml`.
    pub(crate) fn connector(self, name: &str, text: &str) -> Self {
        self.file(&format!("connectors.d/{name}.yaml"), text)
    }

    /// Writes `policies.d/<name>.yaml`.
    pub(crate) fn policy(self, name: &str, text: &str) -> Self {
        self.file(&format!("policies.d/{name}.yaml"), text)
    }

    /// Lets `host:port` be reached at these addresses, tried in order.
    pub(crate) fn resolve(mut self, authority: &str, addresses: &[SocketAddr]) -> Self {
        let addresses: Vec<String> = addresses
            .iter()
            .map(|address| format!("\"{address}\""))
            .collect();
        writeln!(
            self.resolve,
            "    \"{authority}\": [{}]",
            addresses.join(", ")
        )
        .unwrap();
        self
    }

    /// Lets `host:port` be reached at an upstream whose certificates are trusted.
    pub(crate) fn upstream(self, authority: &str, upstream: &Upstream) -> Self {
        self.trust(&upstream.ca_pem)
            .resolve(authority, &[upstream.address])
    }

    /// Trusts the certificates that an authority has signed.
    pub(crate) fn trust(mut self, pem: &str) -> Self {
        if pem.is_empty() {
            return self;
        }
        let name = format!("upstream-{}.pem", self.ca_files.len());
        std::fs::write(self.directory.path().join(&name), pem).unwrap();
        self.ca_files.push(name);
        self
    }

    /// Declares a credential with one secret field, under the connector's id.
    pub(crate) fn credential(
        mut self,
        connector: &str,
        host: &str,
        (field, secret): (&str, &str),
    ) -> Self {
        let file = format!("secrets/{connector}");
        writeln!(
            self.credentials,
            "  - {{ id: {connector}, connector: {connector}, host: \"{host}\", fields: {{ {field}: {{ file: {file} }} }} }}"
        )
        .unwrap();
        self.file(&file, secret)
    }

    /// Writes a secret for a credential that the settings declare.
    pub(crate) fn secret(self, name: &str, text: &str) -> Self {
        self.file(name, text)
    }

    /// Declares an agent; `labels` is a YAML map.
    pub(crate) fn agent(mut self, name: &str, token: &str, labels: &str) -> Self {
        let file = format!("secrets/agent-{name}");
        writeln!(
            self.agents,
            "  - {{ name: {name}, labels: {labels}, token: {{ file: {file} }} }}"
        )
        .unwrap();
        self.file(&file, token)
    }

    /// Declares an operator.
    pub(crate) fn operator(mut self, name: &str, role: &str, token: &str) -> Self {
        let file = format!("secrets/operator-{name}");
        writeln!(
            self.operators,
            "  - {{ name: {name}, role: {role}, token: {{ file: {file} }} }}"
        )
        .unwrap();
        self.file(&file, token)
    }

    /// Lets agents connect at another place too, as `proxy.listen` has it.
    pub(crate) fn listen(mut self, place: &str) -> Self {
        self.listen.push(place.to_owned());
        self
    }

    /// Adds a line to `egress`.
    pub(crate) fn egress(mut self, line: &str) -> Self {
        writeln!(self.egress, "  {line}").unwrap();
        self
    }

    /// Gives the proxy port a certificate of its own, PEM.
    pub(crate) fn tls(mut self, cert: &str, key: &str) -> Self {
        self.tls = true;
        self.file("secrets/proxy.pem", cert)
            .file("secrets/proxy.key", key)
    }

    /// Gives the admin port a certificate of its own, PEM.
    pub(crate) fn admin_tls(mut self, cert: &str, key: &str) -> Self {
        self.admin_tls = true;
        self.file("secrets/admin.pem", cert)
            .file("secrets/admin.key", key)
    }

    /// Hands a bound port over, as the only one that agents connect to; it stays bound while the gateway restarts.
    pub(crate) fn handed(mut self, listener: TcpListener) -> Self {
        self.listen = vec![listener.local_addr().unwrap().to_string()];
        self.handed = Some(listener);
        self
    }

    /// Adds lines to `tollgate.yaml`.
    pub(crate) fn settings(mut self, yaml: &str) -> Self {
        self.settings.push_str(yaml);
        self.settings.push('\n');
        self
    }

    /// Tells the time.
    pub(crate) fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Gateway {
        self.try_start()
            .await
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Starts it, or returns what `serve` would print.
    pub(crate) async fn try_start(self) -> Result<Gateway, String> {
        let config = self.directory.path().join("tollgate.yaml");
        std::fs::write(&config, self.config()).unwrap();
        serve(self.directory, self.environment, self.clock, self.handed).await
    }

    /// Writes its files, for a gateway that runs as a process of its own on the port that was handed over. Returns their directory,
    /// which must outlive it, and what the agent `ci` needs once it has started.
    pub(crate) fn write(self) -> (tempfile::TempDir, Apart) {
        let config = self.directory.path().join("tollgate.yaml");
        std::fs::write(&config, self.config()).unwrap();
        let apart = Apart {
            shell: Shell::at(self.directory.path()),
            listener: self.handed.expect("a port is handed over"),
        };
        (self.directory, apart)
    }

    fn config(&self) -> String {
        let tls = if self.tls {
            ", tls: { cert: secrets/proxy.pem, key: secrets/proxy.key }"
        } else {
            ""
        };
        let admin_tls = if self.admin_tls {
            ", tls: { cert: secrets/admin.pem, key: secrets/admin.key }"
        } else {
            ""
        };
        let mut text = format!(
            "proxy: {{ listen: {:?}{tls} }}\nadmin: {{ listen: [\"127.0.0.1:0\"]{admin_tls} }}\nmetrics: {{ listen: [\"127.0.0.1:0\"] }}\ndata_dir: state\nbuilt_in: [{}]\n",
            self.listen, self.built_in
        );
        for folder in ["connectors", "policies"] {
            let is_empty = std::fs::read_dir(self.directory.path().join(format!("{folder}.d")))
                .unwrap()
                .next()
                .is_none();
            if !is_empty {
                writeln!(text, "{folder}: [{folder}.d]").unwrap();
            }
        }
        writeln!(text, "agents:\n{}", self.agents).unwrap();
        if !self.operators.is_empty() {
            writeln!(text, "operators:\n{}", self.operators).unwrap();
        }
        if !self.credentials.is_empty() {
            writeln!(text, "credentials:\n{}", self.credentials).unwrap();
        }
        writeln!(text, "egress:\n  ca_files: [{}]", self.ca_files.join(", ")).unwrap();
        if !self.resolve.is_empty() {
            writeln!(text, "  resolve:\n{}", self.resolve).unwrap();
        }
        text.push_str(&self.egress);
        text.push_str(&self.settings);
        text
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }
}

/// Starts the real gateway on what lies in a directory.
async fn serve(
    directory: tempfile::TempDir,
    environment: Environment,
    clock: Clock,
    handed: Option<TcpListener>,
) -> Result<Gateway, String> {
    let config = directory.path().join("tollgate.yaml");
    let mut process = process(directory.path(), environment.clone());
    process.clock = clock.clone();
    process.activated =
        SocketActivation::tcp(handed.iter().map(|listener| listener.try_clone().unwrap()));
    let serving = Serving::start(process, Some(config)).await;
    let serving = serving.map_err(|error| error.to_string())?;
    let ca_pem = std::fs::read_to_string(directory.path().join("state/ca.pem")).unwrap();
    let agent = Agent {
        proxy: serving.addresses().proxy[0],
        name: "ci".into(),
        token: TOKEN.into(),
        ca_pem,
    };
    Ok(Gateway {
        serving: Some(serving),
        agent,
        directory,
        environment,
        clock,
        handed,
    })
}

impl Gateway {
    /// Ends it and starts another one on the same state and files.
    pub(crate) async fn restart(mut self) -> Self {
        self.stop(TIME_LIMIT).await.unwrap();
        self.restarted().await
    }

    /// Starts another one on the state and files of one that was stopped.
    pub(crate) async fn restarted(self) -> Self {
        serve(self.directory, self.environment, self.clock, self.handed)
            .await
            .unwrap()
    }

    /// Calls the admin side as operator `local`; returns status and document.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: &Json) -> (u16, Json) {
        let token = std::fs::read_to_string(self.path("state/operator.token")).unwrap();
        self.admin_as(token.trim(), method, path, body).await
    }

    /// Posts to the admin side as operator `local`, if a revision still holds.
    pub(crate) async fn admin_if(&self, path: &str, revision: &str, body: &Json) -> (u16, Json) {
        let token = std::fs::read_to_string(self.path("state/operator.token")).unwrap();
        let url = format!("http://{}{path}", self.serving().addresses().admin[0]);
        let request = client().post(url).bearer_auth(token.trim()).json(body);
        let request = request.header("if-match", format!("\"{revision}\""));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Calls the admin side with any token.
    pub(crate) async fn admin_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: &Json,
    ) -> (u16, Json) {
        let url = format!("http://{}{path}", self.serving().addresses().admin[0]);
        let request = client().request(method, url).bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Calls the admin side as operator `local` with headers; returns status, media type and document.
    pub(crate) async fn admin_with(
        &self,
        (method, path): (Method, &str),
        headers: &[(&str, &[u8])],
        body: &Json,
    ) -> (u16, String, Json) {
        let token = std::fs::read_to_string(self.path("state/operator.token")).unwrap();
        let url = format!("http://{}{path}", self.serving().addresses().admin[0]);
        let mut request = client().request(method, url).bearer_auth(token.trim());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (answer.status().as_u16(), kind, answer.json().await.unwrap())
    }

    /// Returns what Prometheus would read.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.serving().addresses().metrics[0]);
        client()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// Waits until there are so many records of changes, and returns them, oldest first.
    pub(crate) async fn changed(&self, count: usize) -> Vec<Json> {
        self.records(&["changed"], count).await
    }

    /// Waits until there are so many records of summed up refusals, and returns them, oldest first.
    pub(crate) async fn summaries(&self, count: usize) -> Vec<Json> {
        self.records(&["summary"], count).await
    }

    /// Returns the running gateway.
    pub(crate) fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("the gateway has been stopped")
    }

    /// Returns a file of its configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of its configuration and takes it over.
    pub(crate) async fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        self.serving().reload().await;
    }

    /// Returns an agent by name and token, as declared.
    pub(crate) fn other(&self, name: &str, token: &str) -> Agent {
        Agent {
            name: name.into(),
            token: token.into(),
            ..self.agent.clone()
        }
    }

    /// Begins to drain and end it; the task returns how many exchanges were cut.
    pub(crate) fn stop(&mut self, deadline: Duration) -> JoinHandle<usize> {
        let serving = self.serving.take().expect("the gateway has been stopped");
        tokio::spawn(serving.end(deadline, std::future::pending()))
    }

    /// Waits until the gateway has taken over what commands have written into its store.
    pub(crate) async fn followed(&self) {
        let store = self.store().await;
        let wanted = store.revision().await.unwrap();
        store.close().await;
        let shell = Shell::at(self.directory.path());
        let followed = async {
            loop {
                // It ends with 1 where something else is not well.
                let done = shell.run(&["--json", "status"], "").await;
                let status: Json = serde_json::from_slice(&done.stdout).unwrap();
                if status["store_revision"].as_i64() >= Some(wanted) {
                    return;
                }
            }
        };
        tokio::time::timeout(TIME_LIMIT, followed)
            .await
            .expect("the gateway does not follow its store");
    }

    /// Opens the store that the gateway runs on.
    pub(crate) async fn store(&self) -> Store {
        let file = self.path("state/tollgate.db");
        Store::open(&format!("sqlite:{}", file.display()))
            .await
            .unwrap()
    }

    /// Changes a column of every stored credential behind the gateway's back.
    pub(crate) async fn edit_store(&self, column: &str, value: &str) {
        use sqlx::{ConnectOptions as _, Connection as _};
        let file = self.path("state/tollgate.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut database = options.connect().await.unwrap();
        let value = if column == "sealed" {
            "zeroblob(64)".to_owned()
        } else {
            format!("'{}'", value.replace('\'', "''"))
        };
        for statement in [
            format!("UPDATE credential SET {column} = {value}"),
            "UPDATE meta SET value = value + 1 WHERE key = 'revision'".to_owned(),
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut database)
                .await
                .unwrap();
        }
        database.close().await.unwrap();
    }

    /// Waits until so many exchanges have ended, and returns their `finished` records, oldest first.
    pub(crate) async fn finished(&self, count: usize) -> Vec<Json> {
        self.records(&["finished"], count).await
    }

    /// Waits until there are so many records of decisions, and returns them, oldest first.
    pub(crate) async fn decided(&self, count: usize) -> Vec<Json> {
        self.records(&["decided"], count).await
    }

    async fn records(&self, kinds: &[&str], count: usize) -> Vec<Json> {
        let journal = self.path("state/journal");
        let read = async {
            loop {
                let mut found = crate::journal::records(&journal);
                found.retain(|record| kinds.contains(&record["kind"].as_str().unwrap()));
                // What the gateway does by itself is not what a test counts.
                let own = ["files.reloaded", "credential.pinned"];
                found.retain(|record| own.iter().all(|what| record["what"] != *what));
                if found.len() >= count {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let records = tokio::time::timeout(TIME_LIMIT, read).await;
        records.unwrap_or_else(|_| panic!("fewer than {count} records of {kinds:?}"))
    }
}

/// A client without a proxy.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(TIME_LIMIT)
        .build()
        .unwrap()
}

/// Surroundings without the machine's environment, so that nothing of it changes a test.
fn process(directory: &Path, environment: Environment) -> ProcessEnv {
    ProcessEnv {
        give_back: || {},
        environment,
        stdin_is_terminal: false,
        stdout_is_terminal: false,
        has_terminal: false,
        clock: Clock::system(),
        directory: directory.to_owned(),
        activated: SocketActivation::default(),
    }
}
