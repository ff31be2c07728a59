//! mitmproxy: an addon that sends every connection to the upstream and puts the header on.

use std::process::Command;

use anyhow::Result;

use super::{Contender, Ground, free_port, program, wait_for};
use crate::process::Process;
use crate::wire::REAL;

pub(super) fn start(ground: &Ground) -> Result<Contender> {
    let mitmdump = program("mitmdump", "mitmproxy")?;
    let place = ground.place("mitmproxy")?;
    let port = free_port()?;
    let addon = place.join("addon.py");
    let upstream = ground.upstream.port();
    std::fs::write(
        &addon,
        format!(
            "def server_connect(data):\n    data.server.address = ('127.0.0.1', {upstream})\n\n\
             def request(flow):\n    flow.request.headers['Authorization'] = '{REAL}'\n"
        ),
    )?;
    let log = place.join("log");
    let mut command = Command::new(mitmdump);
    let authority = ground.certificates.authority.display();
    command
        .args([
            "--quiet",
            "--listen-host",
            "127.0.0.1",
            "--listen-port",
            &port.to_string(),
        ])
        .args(["--set", &format!("confdir={}", place.display())])
        .args([
            "--set",
            &format!("ssl_verify_upstream_trusted_ca={authority}"),
        ])
        .arg("--scripts")
        .arg(addon);
    let mut process = Process::start(&mut command, &log)?;
    wait_for(&mut process, port, &log)?;
    let authority = place.join("mitmproxy-ca-cert.pem");
    ground.proxy("mitmproxy", process, port, &authority)
}
