//! Counts: what a warm request takes, in instructions and system calls, which another program on the machine does not change.
//!
//! One tunnel, one request after the other. `valgrind` counts instructions outside of the kernel from after the first requests on,
//! `strace` the calls of as many more; a program that is not installed is named.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::contender::{self, Contender, Ground};
use crate::load::{self, LOADS, Load};

/// Requests before anything is counted: caches are full then, and what is done once is done.
const WARM: usize = 300;

/// Requests that are counted.
const COUNTED: usize = 1_000;

/// Those that have a process of their own, and take no minutes to start under `valgrind`.
const CONTENDERS: [&str; 3] = ["floor", "bare", "tollgate"];

const NAMES: [&str; 3] = ["get-1", "post-2k-1", "post-64k-1"];

/// Counts and prints; `only` names contenders, all where it is empty.
pub(crate) async fn measure(ground: Ground, only: &[&str]) -> Result<()> {
    let unknown = only.iter().find(|name| !CONTENDERS.contains(name));
    ensure!(unknown.is_none(), "{unknown:?} is none of {CONTENDERS:?}");
    let profiles = Path::new(env!("CARGO_TARGET_TMPDIR")).join("count");
    std::fs::create_dir_all(&profiles)?;
    println!(
        "per request, of {COUNTED} on one tunnel; profiles in {}",
        profiles.display()
    );
    for name in CONTENDERS {
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        for load in LOADS.into_iter().filter(|load| NAMES.contains(&load.name)) {
            let profile = profiles.join(format!("{name}-{}", load.name));
            let counted = instructions(name, &ground, (load, &profile)).await;
            match counted {
                Ok(count) => println!("{name} {}: {count} instructions", load.name),
                Err(error) => println!("{name} {}: no instructions: {error:#}", load.name),
            }
        }
        match calls(name, &ground).await {
            Ok(text) => {
                println!("{name}: calls of the system for {COUNTED} requests of each load\n{text}")
            }
            Err(error) => println!("{name}: no calls of the system: {error:#}"),
        }
    }
    Ok(())
}

/// Returns instructions for each request; leaves a profile for `callgrind_annotate`.
async fn instructions(name: &str, ground: &Ground, (load, profile): (Load, &Path)) -> Result<u64> {
    let out = profile.display();
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--instr-atstart=no".to_owned(),
        format!("--callgrind-out-file={out}"),
    ];
    let place = ground.directory.join(format!("count-{name}-{}", load.name));
    std::fs::create_dir_all(&place)?;
    let ground = Ground {
        wrapper: wrapper.to_vec(),
        ..ground.clone()
    };
    let contender = contender::start(name, &ground)?;
    let process = contender.process.as_ref().context("a process")?.id();
    let mut connection = contender.route.connect().await?;
    let request = load.request.bytes(contender.authorization);
    load::repeat(&mut connection, &request, WARM).await?;
    control(&["--instr=on"], process)?;
    load::repeat(&mut connection, &request, COUNTED).await?;
    control(&["--instr=off"], process)?;
    control(&["--dump"], process)?;
    let counted = total(&newest(profile)?)?;
    Ok(counted / COUNTED as u64)
}

fn control(options: &[&str], process: u32) -> Result<()> {
    let mut command = Command::new("callgrind_control");
    let output = command.args(options).arg(process.to_string()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !said.contains("Error"), "{said}");
    Ok(())
}

/// Returns the first dump, which has the number 1; the one at the end of the process has none.
fn newest(profile: &Path) -> Result<PathBuf> {
    let mut name = profile.as_os_str().to_owned();
    name.push(".1");
    let dump = PathBuf::from(name);
    ensure!(dump.exists(), "`{}` was not written", dump.display());
    Ok(dump)
}

fn total(dump: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(dump)?;
    // The summary above is that of one thread.
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = line.context("a profile has its total")?;
    Ok(total.trim().parse()?)
}

/// Returns the table of `strace`, over all loads.
async fn calls(name: &str, ground: &Ground) -> Result<String> {
    let contender = contender::start(name, ground)?;
    let mut tables = String::new();
    for load in LOADS.into_iter().filter(|load| NAMES.contains(&load.name)) {
        tables.push_str(load.name);
        tables.push('\n');
        tables.push_str(&calls_of(&contender, load, &ground.directory).await?);
    }
    Ok(tables)
}

async fn calls_of(contender: &Contender, load: Load, directory: &Path) -> Result<String> {
    let process = contender.process.as_ref().context("a process")?.id();
    let mut connection = contender.route.connect().await?;
    let request = load.request.bytes(contender.authorization);
    load::repeat(&mut connection, &request, WARM).await?;
    let table = directory.join(format!("calls-{}-{}", contender.name, load.name));
    let mut strace = Command::new("strace")
        .args(["-f", "-c", "-U", "calls,name", "-S", "calls", "-o"])
        .arg(&table)
        .args(["-p", &process.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start `strace`")?;
    // It tells nobody when it is attached.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = load::repeat(&mut connection, &request, COUNTED).await;
    let status = Command::new("kill")
        .args(["-INT", &strace.id().to_string()])
        .status()?;
    strace.wait()?;
    asked?;
    ensure!(status.success(), "`strace` is not there any more");
    let text = std::fs::read_to_string(&table)?;
    let lines = text.lines().skip(2).take(14);
    Ok(lines.map(|line| format!("{line}\n")).collect())
}
