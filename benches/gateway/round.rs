//! Rounds: contenders and loads in; each load on each contender, turn by turn, so that a machine that gets slower gets slower for all.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::contender::{self, Contender, Ground, NAMES};
use crate::load::{self, LOADS, Load};
use crate::report::{self, Figures};
use crate::setting;

/// Medians are taken over so many rounds.
const ROUNDS: u32 = 3;

/// Seconds of load, all runs together, where `BENCH_SECONDS` does not say.
const SECONDS: f64 = 360.0;

/// What is left out.
#[derive(Debug, Default)]
pub(crate) struct Options {
    only: Vec<String>,
    loads: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(&name) = arguments.next() {
            let list = arguments.next().context("a list of names")?;
            let list = list.split(',').map(str::to_owned).collect();
            match name {
                "--only" => options.only = list,
                "--load" => options.loads = list,
                _ => anyhow::bail!("there is no option `{name}`"),
            }
        }
        let all_loads: Vec<&str> = LOADS.iter().map(|load| load.name).collect();
        for (given, known) in [
            (&options.only, NAMES.as_slice()),
            (&options.loads, &all_loads),
        ] {
            let unknown = given.iter().find(|name| !known.contains(&name.as_str()));
            ensure!(unknown.is_none(), "{unknown:?} is none of {known:?}");
        }
        Ok(options)
    }
}

/// Measures and prints.
pub(crate) async fn measure(ground: Ground, options: Options) -> Result<()> {
    let wanted =
        |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
    let mut contenders = Vec::new();
    for name in NAMES {
        if !wanted(&options.only, name) {
            continue;
        }
        match contender::start(name, &ground) {
            Ok(contender) => contenders.push(contender),
            Err(error) => println!("{name} is skipped: {error:#}"),
        }
    }
    let loads: Vec<Load> = LOADS
        .into_iter()
        .filter(|load| wanted(&options.loads, load.name))
        .collect();
    ensure!(!contenders.is_empty(), "nothing can be measured");
    let runs = contenders.len() * loads.len() * ROUNDS as usize;
    let length = Duration::from_secs_f64(setting("BENCH_SECONDS", SECONDS)? / runs as f64);
    println!(
        "{runs} runs of {:.1} s, {ROUNDS} rounds; medians over the rounds",
        length.as_secs_f64()
    );
    let mut figures = Figures::default();
    for round in 0..ROUNDS {
        for load in &loads {
            // Nobody always comes first.
            contenders.rotate_left(1);
            for contender in &contenders {
                let run = run(contender, *load, length).await;
                let run = run.with_context(|| format!("{} under {}", contender.name, load.name))?;
                figures.push(&contender.name, load.name, run);
            }
        }
        eprintln!("round {} of {ROUNDS} is done", round + 1);
    }
    let order = |name: &str| NAMES.iter().position(|known| *known == name);
    contenders.sort_by_key(|contender| order(&contender.name));
    for load in &loads {
        report::load(&figures, load.name, &contenders);
    }
    report::memory(&contenders)
}

async fn run(contender: &Contender, load: Load, length: Duration) -> Result<report::Run> {
    let before = cpu(contender)?;
    let sample = load::run(load, &contender.route, contender.authorization, length).await?;
    let cpu = cpu(contender)? - before;
    Ok(report::Run {
        per_second: sample.per_second(),
        p50: sample.quantile(0.5),
        p99: sample.quantile(0.99),
        // The requests that warmed the tunnels are in it too, a handful among thousands.
        cpu: cpu * 1e6 / sample.requests as f64,
    })
}

fn cpu(contender: &Contender) -> Result<f64> {
    match &contender.process {
        Some(process) => Ok(process.usage()?.cpu),
        None => Ok(0.0),
    }
}
