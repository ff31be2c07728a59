//! A gateway that is a process of its own, with one API that its agent may use, for tests of what its journal survives.

use std::net::TcpListener;

use crate::support::gateway::{Apart, Builder};
use crate::support::upstream::Upstream;

pub(super) const HOST: &str = "api.test";

const CONNECTOR: &str = "
connector: api
name: Test API
version: 1
domains: [api.test]
auth: none
routes:
  - { action: item.get, match: 'GET /items/{item}', risk: low }
";

const PERMISSION: &str = "
permissions:
  - { agents: [ci], connector: api, access: full }
";

/// Writes the files of a gateway whose journal has this durability.
pub(super) fn describe(upstream: &Upstream, durability: &str) -> (tempfile::TempDir, Apart) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    Builder::new()
        .connector("api", CONNECTOR)
        .policy("api", PERMISSION)
        .upstream("api.test:443", upstream)
        .settings(&format!("audit: {{ durability: {durability} }}"))
        .handed(listener)
        .write()
}
