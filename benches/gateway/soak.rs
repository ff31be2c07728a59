//! Soak: mixed traffic at a bounded rate with a reload each second; errors, and growth of memory, threads or files, out.
//!
//! `SOAK_MINUTES` long (30): kept and fresh tunnels, HTTP/1.1 and HTTP/2, bodies that are judged, streams, refusals.

mod traffic;
mod upstream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::certificates::{self, Certificates};
use crate::contender::Ground;
use crate::contender::tollgate::Home;
use crate::process::{Process, Usage};
use crate::report::median;
use crate::{setting, wire};
use traffic::{Kind, Tally};

/// How long, where `SOAK_MINUTES` does not say.
const MINUTES: f64 = 30.0;

/// Between two looks at the process.
const LOOK: Duration = Duration::from_secs(10);

/// Growth from the second quarter to the last that is a leak: the first one fills pools and caches.
const GROWTH: f64 = 1.05;

/// What of a process must not grow.
type Figure = fn(&Usage) -> u64;

/// Runs and prints.
pub(crate) async fn run() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let certificates = Certificates::make(directory.path(), &[wire::HOST])?;
    let upstream = upstream::start(&certificates).await?;
    let ground = Ground {
        directory: directory.path().to_owned(),
        wrapper: Vec::new(),
        certificates,
        upstream,
    };
    let home = Home::make("soak", &ground, 1_000)?;
    change_policies(&home, 0)?;
    let contender = home.contender("soak", &ground, home.start()?)?;
    let process = contender.process.as_ref().context("a process")?;
    let length = Duration::from_secs_f64(setting("SOAK_MINUTES", MINUTES)? * 60.0);
    let until = Instant::now() + length;
    let tally = Arc::new(Tally::default());
    let mut tasks = JoinSet::new();
    for kind in Kind::ALL {
        for _ in 0..kind.tasks() {
            let mut route = contender.route.clone();
            route.tls = certificates::client(&home.place.join("state/ca.pem"), &[kind.protocol()])?;
            let tally = Arc::clone(&tally);
            tasks.spawn(async move { traffic::run(kind, &route, until, &tally).await });
        }
    }
    let (looks, reloads) =
        tokio::try_join!(look(process, until, &tally), reload(&home, process, until))?;
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    println!("{reloads} reloads; {tally}");
    judge(&looks)?;
    ensure!(tally.errors() == 0, "there were errors");
    Ok(())
}

/// Writes a policy that differs each time, and means the same.
fn change_policies(home: &Home, time: u64) -> Result<()> {
    let text = format!(
        "policies:\n  - {{ id: soak-{time}, actions: [jira.issue.delete], decision: deny, reason: Nothing is deleted here. }}\n"
    );
    Ok(std::fs::write(
        home.place.join("policies.d/soak.yaml"),
        text,
    )?)
}

async fn reload(home: &Home, process: &Process, until: Instant) -> Result<u64> {
    let mut time = 0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
        time += 1;
        change_policies(home, time)?;
        process.signal("HUP")?;
    }
    Ok(time)
}

async fn look(process: &Process, until: Instant, tally: &Tally) -> Result<Vec<Usage>> {
    let mut looks = Vec::new();
    while Instant::now() < until {
        tokio::time::sleep(LOOK).await;
        let usage = process.usage()?;
        println!(
            "{:>6} KiB, {} threads, {} files; {tally}",
            usage.resident, usage.threads, usage.files
        );
        looks.push(usage);
    }
    Ok(looks)
}

fn judge(looks: &[Usage]) -> Result<()> {
    let quarter = looks.len() / 4;
    ensure!(quarter > 0, "too short to tell anything about growth");
    let of = |looks: &[Usage], figure: Figure| {
        median(looks.iter().map(|usage| figure(usage) as f64).collect())
    };
    let early: Vec<Usage> = looks.iter().copied().skip(quarter).take(quarter).collect();
    let late: Vec<Usage> = looks.iter().copied().rev().take(quarter).collect();
    let figures: [(&str, Figure); 3] = [
        ("memory, KiB", |usage| usage.resident),
        ("threads", |usage| usage.threads),
        ("files", |usage| usage.files),
    ];
    for (name, figure) in figures {
        let (early, late) = (of(&early, figure), of(&late, figure));
        println!("{name}: {early:.0} in the second quarter, {late:.0} in the last");
        ensure!(late <= early * GROWTH, "{name} grows");
    }
    Ok(())
}
