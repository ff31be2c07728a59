//! Carries the requests of every connection: Pingora's proxy those of HTTP/2 and of connections that are handed over, the
//! HTTP/1.1 lane all others.

use std::path::Path;
use std::sync::Arc;

use pingora::apps::{HttpServerOptions, ServerApp as _};
use pingora::protocols::Stream;
use pingora::protocols::http::v2::server::default_h2_options;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;

use super::Timeouts;
use super::drain::Drain;
use super::head::MAX_HEAD;
use super::http1::Upstreams;
use super::intercept::Intercept;
use super::turn_away::Refuser;
use crate::model::clock::Clock;
use crate::pipeline::Gateway;

/// Upstream connections kept for reuse.
const UPSTREAM_POOL: usize = 512;

/// Bytes of one answer that wait in an agent's HTTP/2 connection, however large a window the agent opens.
const AGENT_BUFFER: usize = 64 * 1024;

/// Concurrent requests on one agent's HTTP/2 connection.
const AGENT_STREAMS: u32 = 100;

/// Carries requests, over whichever version of HTTP they come.
pub(super) struct Services {
    pub(super) http: Arc<HttpProxy<Intercept>>,
    /// The callbacks of that proxy, which also answer requests to the gateway itself.
    pub(super) intercept: Intercept,
    pub(super) upstreams: Upstreams,
    pub(super) gateway: Arc<Gateway>,
    pub(super) drain: Arc<Drain>,
    pub(super) timeouts: Timeouts,
    pub(super) clock: Clock,
}

impl Services {
    pub(super) fn new(intercept: Intercept, roots: &Path) -> Self {
        let conf = conf(roots);
        Self {
            http: Arc::new(http(intercept.clone(), &conf, intercept.timeouts)),
            upstreams: Upstreams::new(&conf),
            gateway: Arc::clone(&intercept.gateway),
            drain: Arc::clone(&intercept.drain),
            timeouts: intercept.timeouts,
            clock: intercept.clock.clone(),
            intercept,
        }
    }

    /// Returns what refuses malformed heads.
    pub(super) fn refuser(&self) -> Refuser {
        Refuser {
            gateway: Arc::clone(&self.gateway),
            clock: self.clock.clone(),
        }
    }

    /// Lets Pingora serve a connection to its end.
    pub(super) async fn run(&self, stream: Stream) {
        let mut watch = self.drain.subscribe();
        if self.drain.is_draining() {
            // HTTP/2 listens for a change only, and this one was before its time.
            watch.mark_changed();
        }
        self.http.process_new(stream, &watch).await;
    }
}

/// What upstreams are verified by, and how many connections are kept.
fn conf(roots: &Path) -> Arc<ServerConf> {
    Arc::new(ServerConf {
        ca_file: Some(roots.to_string_lossy().into_owned()),
        upstream_keepalive_pool_size: UPSTREAM_POOL,
        // Not threads, but the shards of what all connections wait on.
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        ..ServerConf::default()
    })
}

fn http(intercept: Intercept, conf: &Arc<ServerConf>, timeouts: Timeouts) -> HttpProxy<Intercept> {
    let mut http = http_proxy(conf, intercept);
    let mut options = default_h2_options();
    options.max_concurrent_streams(AGENT_STREAMS);
    options.max_send_buffer_size(AGENT_BUFFER);
    options.max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
    http.h2_options = Some(options);
    let mut server = HttpServerOptions::default();
    server.h2_idle_timeout = Some(timeouts.idle);
    http.server_options = Some(server);
    http
}
