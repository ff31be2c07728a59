//! Tollgate as a user runs it: its own binary, a configuration file, a credential in the vault, every request judged and recorded.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Contender, Ground, free_port, wait_until};
use crate::process::{Process, wrapped};
use crate::variable;
use crate::wire::{HOST, REAL_TOKEN};

/// The agent's token.
const TOKEN: &str = "tga_bench_0123456789abcdef0123456789";

/// A gateway's directory: configuration, connectors and policies, state.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) place: PathBuf,
    pub(crate) proxy: u16,
    pub(crate) metrics: u16,
    wrapper: Vec<String>,
}

/// Starts one with the connectors that are built in and so many policies.
pub(super) fn start(name: &str, ground: &Ground, policies: usize) -> Result<Contender> {
    let home = Home::make(name, ground, policies)?;
    let process = home.start()?;
    home.contender(name, ground, process)
}

/// Starts another build of it, for what a change has brought: `BENCH_BASELINE` is the binary.
pub(super) fn start_baseline(name: &str, ground: &Ground) -> Result<Contender> {
    let binary = variable("BENCH_BASELINE").context("`BENCH_BASELINE` names no binary")?;
    let home = Home::make(name, ground, 0)?;
    let process = home.start_binary(&binary)?;
    home.contender(name, ground, process)
}

impl Home {
    /// Writes the files of a gateway.
    pub(crate) fn make(name: &str, ground: &Ground, policies: usize) -> Result<Self> {
        let place = ground.place(name)?;
        std::fs::create_dir_all(place.join("policies.d"))?;
        let home = Self {
            place,
            proxy: free_port()?,
            metrics: free_port()?,
            wrapper: ground.wrapper.clone(),
        };
        let write = |file: &str, text: &str| std::fs::write(home.place.join(file), text);
        write("token", TOKEN)?;
        write("credential", REAL_TOKEN)?;
        write("policies.d/bench.yaml", &policy_file(policies))?;
        write("tollgate.yaml", &home.configuration(ground))?;
        Ok(home)
    }

    /// Adds connectors, by the names of their files, to those that are built in.
    pub(crate) fn add_connectors(
        &self,
        connectors: impl Iterator<Item = (String, String)>,
    ) -> Result<()> {
        let folder = self.place.join("connectors.d");
        std::fs::create_dir_all(&folder)?;
        for (name, text) in connectors {
            std::fs::write(folder.join(name), text)?;
        }
        let file = self.place.join("tollgate.yaml");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(file, format!("{text}connectors: [connectors.d]\n"))?;
        Ok(())
    }

    fn configuration(&self, ground: &Ground) -> String {
        let Self { proxy, metrics, .. } = self;
        let (upstream, authority) = (ground.upstream, ground.certificates.authority.display());
        format!(
            r#"proxy: {{ listen: ["127.0.0.1:{proxy}"] }}
admin: {{ listen: [] }}
metrics: {{ listen: ["127.0.0.1:{metrics}"] }}
data_dir: state
policies: [policies.d]
agents: [{{ name: bench, labels: {{ team: care }}, token: {{ file: token }} }}]
credentials:
  - {{ id: jira, connector: jira, scheme: oauth, host: {HOST}, fields: {{ access_token: {{ file: credential }} }} }}
egress: {{ resolve: {{ "{HOST}:443": "{upstream}" }}, ca_files: ["{authority}"] }}
audit: {{ durability: strict }}
"#
        )
    }

    /// Starts the gateway and waits until it listens.
    pub(crate) fn start(&self) -> Result<Process> {
        self.start_binary(env!("CARGO_BIN_EXE_tollgate"))
    }

    fn start_binary(&self, binary: &str) -> Result<Process> {
        let log = self.place.join("log");
        let mut command = wrapped(&self.wrapper, Path::new(binary));
        command
            .arg("--config")
            .arg(self.place.join("tollgate.yaml"))
            .arg("serve");
        let mut process = Process::start(&mut command, &log)?;
        // Ports are bound before a first start makes anything; the socket in its state comes last.
        let socket = self.place.join("state/admin.sock");
        wait_until(&mut process, &log, || socket.exists())?;
        Ok(process)
    }

    /// Describes the running gateway.
    pub(crate) fn contender(
        &self,
        name: &str,
        ground: &Ground,
        process: Process,
    ) -> Result<Contender> {
        let authority = self.place.join("state/ca.pem");
        let mut contender = ground.proxy(name, process, self.proxy, &authority)?;
        contender.route.proxy_authorization = Some(format!("Bearer {TOKEN}"));
        Ok(contender)
    }
}

/// One permission, and policies of which one in a hundred is for the actions of the load.
pub(crate) fn policy_file(policies: usize) -> String {
    let mut text =
        "permissions:\n  - { agents: [bench], connector: jira, access: full }\n".to_owned();
    if policies > 0 {
        text.push_str("policies:\n");
    }
    for at in 0..policies {
        let (action, condition) = match at % 200 {
            0 => (
                "jira.issue.create",
                format!(r#"params.project == "P{at}" && !("oncall" in agent.labels)"#),
            ),
            1 => (
                "jira.issue.get",
                format!(r#"params.issue_key.startsWith("P{at}-")"#),
            ),
            even if even % 2 == 0 => ("github.repo.delete", format!(r#"params.repo == "r{at}""#)),
            _ => (
                "jira.issue.delete",
                format!(r#"params.issue_key.startsWith("P{at}-")"#),
            ),
        };
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "  - {{ id: p{at}, actions: [{action}], when: '{condition}', decision: deny }}"
        );
    }
    text
}
