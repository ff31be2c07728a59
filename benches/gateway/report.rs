//! Report: runs in, a table for each load out, with the ratios that the budgets are about.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::contender::Contender;

/// What one run came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Requests a second.
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    /// Microseconds.
    pub(crate) p99: f64,
    /// Microseconds of the contender's processor time for each request.
    pub(crate) cpu: f64,
}

/// The runs of each contender and load.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(String, String), Vec<Run>>);

impl Figures {
    pub(crate) fn push(&mut self, contender: &str, load: &str, run: Run) {
        let key = (contender.to_owned(), load.to_owned());
        self.0.entry(key).or_default().push(run);
    }

    /// Returns the median of each figure.
    fn median(&self, contender: &str, load: &str) -> Option<Run> {
        let runs = self.0.get(&(contender.to_owned(), load.to_owned()))?;
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        Some(Run {
            per_second: of(|run| run.per_second),
            p50: of(|run| run.p50),
            p99: of(|run| run.p99),
            cpu: of(|run| run.cpu),
        })
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints one load's table.
pub(crate) fn load(figures: &Figures, load: &str, contenders: &[Contender]) {
    println!(
        "\n{load:<14} {:>9} {:>9} {:>9} {:>8} {:>9} {:>8} {:>10} {:>8} {:>10}",
        "req/s",
        "p50 us",
        "p99 us",
        "cpu us",
        "cpu-bare",
        "cpu/env",
        "p50-direct",
        "rps/env",
        "rps/mitm"
    );
    let of = |name: &str| figures.median(name, load);
    let (direct, bare) = (of("direct"), of("bare"));
    let (envoy, mitmproxy) = (of("envoy"), of("mitmproxy"));
    for contender in contenders {
        let Some(run) = of(&contender.name) else {
            continue;
        };
        let judged = contender.process.is_some();
        let against = |other: Option<Run>, figure: fn(Run, Run) -> f64| match other {
            Some(other) if judged => format!("{:.2}", figure(run, other)),
            Some(_) | None => "-".to_owned(),
        };
        println!(
            "{:<14} {:>9.0} {:>9.0} {:>9.0} {:>8.1} {:>9} {:>8} {:>10} {:>8} {:>10}",
            contender.name,
            run.per_second,
            run.p50,
            run.p99,
            run.cpu,
            against(bare, |run, bare| run.cpu - bare.cpu),
            against(envoy, |run, envoy| run.cpu / envoy.cpu),
            against(direct, |run, direct| run.p50 - direct.p50),
            against(envoy, |run, envoy| run.per_second / envoy.per_second),
            against(mitmproxy, |run, mitmproxy| run.per_second
                / mitmproxy.per_second),
        );
    }
}

/// Prints what each contender took of memory over the whole run.
pub(crate) fn memory(contenders: &[Contender]) -> Result<()> {
    println!("\n{:<14} {:>9}", "memory", "peak MiB");
    for contender in contenders {
        if let Some(process) = &contender.process {
            let peak = process.usage()?.peak;
            println!("{:<14} {:>9.1}", contender.name, peak as f64 / 1024.0);
        }
    }
    Ok(())
}
