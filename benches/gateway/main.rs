//! The whole gateway under load, beside nothing at all, a floor, a bare Pingora, Envoy and mitmproxy, in turn and in the same run; figures and ratios out.
//!
//! `cargo bench --bench gateway -- [round [--only A,B] [--load X,Y] | count [A B] | footprint | soak]`; `BENCH_SECONDS` of load in all (360).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench tells what it measures"
)]

mod bare;
mod certificates;
mod contender;
mod count;
mod floor;
mod footprint;
mod load;
mod process;
mod report;
mod round;
mod soak;
mod upstream;
mod wire;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use certificates::Certificates;
use contender::Ground;
use process::Process;

fn main() -> Result<()> {
    // `cargo bench` passes it to every bench.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The first user of TLS decides the provider of the process; ring is the only one built in.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match *arguments.as_slice() {
            ["upstream", directory] => upstream::serve(Path::new(directory)).await,
            ["bare", directory, upstream] => {
                bare::serve(Path::new(directory), upstream.parse()?).await
            }
            ["floor", directory, upstream] => {
                floor::serve(Path::new(directory), upstream.parse()?).await
            }
            ["soak"] => soak::run().await,
            ["count", ref only @ ..] => {
                with_upstream(|ground| Box::pin(count::measure(ground, only))).await
            }
            ["footprint"] => with_upstream(|ground| Box::pin(footprint::measure(ground))).await,
            [] => {
                with_upstream(|ground| Box::pin(round::measure(ground, Default::default())))
                    .await?;
                with_upstream(|ground| Box::pin(footprint::measure(ground))).await
            }
            ["round", ref options @ ..] => {
                let options = round::Options::parse(options)?;
                with_upstream(|ground| Box::pin(round::measure(ground, options))).await
            }
            _ => bail!("usage: [round [--only A,B] [--load X,Y] | count [A B] | footprint | soak]"),
        }
    })
}

/// Starts the upstream and measures against it.
async fn with_upstream<'a>(
    measure: impl FnOnce(Ground) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + 'a>>,
) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let certificates = Certificates::make(directory.path(), &[wire::HOST])?;
    let place = directory.path().to_str().context("a path in UTF-8")?;
    let (_upstream, port) = Process::start_role(&[], "upstream", &[place])?;
    measure(Ground {
        directory: directory.path().to_owned(),
        certificates,
        wrapper: Vec::new(),
        upstream: SocketAddr::from(([127, 0, 0, 1], port)),
    })
    .await
}

/// Returns what a variable of the environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench has no other place for its settings"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The same, a number.
fn setting(name: &str, default: f64) -> Result<f64> {
    variable(name).map_or(Ok(default), |text| {
        text.parse()
            .with_context(|| format!("`{name}` is a number"))
    })
}
