//! Footprint: what a gateway takes before and beside requests: memory, idle tunnels, starts, reloads.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::contender::tollgate::{Home, policy_file};
use crate::contender::{Contender, Ground};
use crate::load::{self, LOADS, Request};
use crate::report::median;

/// Connectors beside those that are built in, each with `ROUTES` routes.
const CONNECTORS: usize = 500;
const ROUTES: usize = 20;

/// Tunnels that are opened, used once and left alone.
const IDLE: u64 = 500;

/// Starts and reloads are repeated so often; medians count.
const TIMES: usize = 5;

/// Measures and prints.
pub(crate) async fn measure(ground: Ground) -> Result<()> {
    println!("\nfootprint");
    memory(&ground).await?;
    starts(&ground).await?;
    reloads(&ground).await
}

async fn ask_once(contender: &Contender) -> Result<crate::wire::Connection> {
    let mut connection = contender.route.connect().await?;
    let status = connection
        .exchange(&Request::Get.bytes(contender.authorization))
        .await?;
    ensure!(status == 200, "answered {status}");
    Ok(connection)
}

async fn memory(ground: &Ground) -> Result<()> {
    let home = Home::make("many", ground, 0)?;
    let generated = (0..CONNECTORS).map(|at| (format!("generated{at}.yaml"), connector(at)));
    home.add_connectors(generated)?;
    let contender = home.contender("many", ground, home.start()?)?;
    let process = contender.process.as_ref().context("a process")?;
    drop(ask_once(&contender).await?);
    let alone = process.usage()?;
    println!(
        "{CONNECTORS} connectors of {ROUTES} routes: {} KiB resident, {} KiB at most",
        alone.resident, alone.peak
    );
    let mut tunnels = Vec::new();
    for _ in 0..IDLE {
        tunnels.push(ask_once(&contender).await?);
    }
    // What the last request left behind is put away.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let crowded = process.usage()?;
    let each = crowded.resident.saturating_sub(alone.resident) as f64 / IDLE as f64;
    println!("an idle tunnel, of {IDLE}: {each:.1} KiB");
    Ok(())
}

fn connector(at: usize) -> String {
    let mut text = format!(
        "connector: c{at}\nauth: [{{ id: token, fields: [token], bearer: '{{token}}' }}]\ndomains: ['{{site}}.c{at}.test']\nroutes:\n"
    );
    for route in 0..ROUTES {
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "  - {{ action: thing{route}.get, match: 'GET /v1/things{route}/{{key}}/parts/{{part}}', params: {{ key: {{ pattern: '[A-Z]+-[0-9]+' }} }} }}"
        );
    }
    text
}

/// From the start of the process to the first request answered through it: with nothing there, and once the state is.
async fn starts(ground: &Ground) -> Result<()> {
    let home = Home::make("starts", ground, 1_000)?;
    let mut times = Vec::new();
    for time in 0..=TIMES {
        let start = Instant::now();
        let process = home.start()?;
        let contender = home.contender("starts", ground, process)?;
        drop(ask_once(&contender).await?);
        let took = milliseconds(start);
        if time == 0 {
            println!("first start to first answer: {took:.0} ms");
        } else {
            times.push(took);
        }
    }
    println!("start to first answer: {:.0} ms", median(times));
    Ok(())
}

/// From a signal to the snapshot being swapped, while requests go on; none may fail.
async fn reloads(ground: &Ground) -> Result<()> {
    let home = Home::make("reloads", ground, 1_000)?;
    let contender = home.contender("reloads", ground, home.start()?)?;
    let process = contender.process.as_ref().context("a process")?;
    let load = LOADS.into_iter().find(|load| load.name == "fixed-get-500");
    let load = load.context("a load of fixed rate")?;
    let length = Duration::from_secs(2 + TIMES as u64);
    let traffic = load::run(load, &contender.route, contender.authorization, length);
    let reloads = async {
        let mut times = Vec::new();
        for time in 0..TIMES {
            std::fs::write(
                home.place.join("policies.d/bench.yaml"),
                policy_file(1_000 - time - 1),
            )?;
            let before = reloaded(&home).await?;
            let start = Instant::now();
            process.signal("HUP")?;
            while reloaded(&home).await? == before {
                ensure!(milliseconds(start) < 10_000.0, "the files are not reloaded");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            times.push(milliseconds(start));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        anyhow::Ok(median(times))
    };
    let (sample, took) = tokio::try_join!(traffic, reloads)?;
    println!(
        "reload: {took:.0} ms; {} requests meanwhile, none failed, p99 {:.0} us",
        sample.requests,
        sample.quantile(0.99)
    );
    Ok(())
}

/// Returns how many reloads have succeeded.
async fn reloaded(home: &Home) -> Result<u64> {
    let mut socket = TcpStream::connect(("127.0.0.1", home.metrics)).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    socket.read_to_string(&mut text).await?;
    let line = text
        .lines()
        .find(|line| line.starts_with(r#"tollgate_reloads_total{result="ok"}"#));
    let count = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(count.context("the metric is there")?.parse()?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
