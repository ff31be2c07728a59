//! Contenders: what the load can be sent through, each started as its users would; those that are not there are skipped, and it is said.

mod envoy;
mod mitmproxy;
pub(crate) mod tollgate;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::certificates::{self, Certificates};
use crate::process::Process;
use crate::wire::{REAL, Route};

/// How long a contender may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What an agent that has no credential sends in its place.
const PLACEHOLDER: &str = "Bearer placeholder";

/// One way to the upstream, running.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) route: Route,
    /// What the agent sends as `Authorization`.
    pub(crate) authorization: &'static str,
    /// `None` where nothing is in between.
    pub(crate) process: Option<Process>,
}

/// What contenders are started with.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) directory: PathBuf,
    pub(crate) certificates: Certificates,
    /// Where the upstream listens.
    pub(crate) upstream: SocketAddr,
    /// A program, and its options, that runs those of contenders.
    pub(crate) wrapper: Vec<String>,
}

/// The names, in the order of a round.
pub(crate) const NAMES: [&str; 8] = [
    "direct",
    "floor",
    "bare",
    "tollgate",
    "tollgate-1000",
    "baseline",
    "envoy",
    "mitmproxy",
];

/// Starts a contender.
pub(crate) fn start(name: &str, ground: &Ground) -> Result<Contender> {
    match name {
        "direct" => direct(ground),
        "floor" | "bare" => role(name, ground),
        "tollgate" => tollgate::start(name, ground, 0),
        "tollgate-1000" => tollgate::start(name, ground, 1_000),
        "baseline" => tollgate::start_baseline(name, ground),
        "envoy" => envoy::start(ground),
        "mitmproxy" => mitmproxy::start(ground),
        _ => anyhow::bail!("there is no contender `{name}`; there are {NAMES:?}"),
    }
}

fn direct(ground: &Ground) -> Result<Contender> {
    let route = Route {
        address: ground.upstream,
        proxy_authorization: None,
        tls: certificates::client(&ground.certificates.authority, &["http/1.1"])?,
    };
    Ok(Contender {
        name: "direct".to_owned(),
        route,
        authorization: REAL,
        process: None,
    })
}

/// Starts one that is a role of this program.
fn role(name: &str, ground: &Ground) -> Result<Contender> {
    let upstream = ground.upstream.port().to_string();
    let directory = ground.directory.to_string_lossy();
    let (process, port) = Process::start_role(&ground.wrapper, name, &[&directory, &upstream])?;
    ground.proxy(name, process, port, &ground.certificates.authority)
}

impl Ground {
    /// Makes a directory for one contender.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let place = self.directory.join(name);
        std::fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// Describes a running proxy whose leaves this authority signs.
    fn proxy(
        &self,
        name: &str,
        process: Process,
        port: u16,
        authority: &Path,
    ) -> Result<Contender> {
        let route = Route {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            proxy_authorization: Some("Bearer none".to_owned()),
            tls: certificates::client(authority, &["http/1.1"])?,
        };
        Ok(Contender {
            name: name.to_owned(),
            route,
            authorization: PLACEHOLDER,
            process: Some(process),
        })
    }
}

/// Returns a port that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something listens there.
fn wait_for(process: &mut Process, port: u16, log: &Path) -> Result<()> {
    wait_until(process, log, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
}

/// Waits until a program that starts is ready.
fn wait_until(process: &mut Process, log: &Path, is_ready: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_ready() {
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        ensure!(process.is_alive(), "it ended at once: {}", said());
        ensure!(
            start.elapsed() < START_TIMEOUT,
            "it does not listen: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Returns a program of a Python package: from the path, else from an environment of this checkout that it is installed into.
fn program(name: &str, package: &str) -> Result<PathBuf> {
    let found = Command::new(name).arg("--version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return Ok(PathBuf::from(name));
    }
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-python");
    let installed = environment.join("bin").join(name);
    if !installed.exists() {
        if !environment.join("bin/pip").exists() {
            succeed(
                Command::new("python3")
                    .args(["-m", "venv"])
                    .arg(&environment),
            )?;
        }
        let mut install = Command::new(environment.join("bin/pip"));
        succeed(install.args(["install", "--quiet", "--disable-pip-version-check", package]))?;
    }
    Ok(installed)
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}",
        error.lines().last().unwrap_or("it failed")
    );
    Ok(())
}
