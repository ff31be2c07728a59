//! Runs `policy diff` and `policy replay`: what a change of files would let agents do, by enumeration and by the journal.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::Context;
use crate::cli::args::Replay as Args;
use crate::cli::audit::{directory, moment, unreadable};
use crate::cli::check;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::permission::print_effect;
use crate::cli::workspace::{Workspace, files_failure, read_if_there};
use crate::config::Config;
use crate::journal::{Kind, Query, Reader};
use crate::model::show::escape;
use crate::model::vocabulary::Unknown;
use crate::policy::Decision;
use crate::simulate::diff::{Side, effect};
use crate::simulate::replay::{Replay, Replayed};
use crate::snapshot::{Inputs, Snapshot};

/// Prints the effect of the new directory.
pub(super) async fn diff(context: &Context, (old, new): (&Path, &Path), markdown: bool) -> Outcome {
    let mut old = check::inputs(context, old).await?;
    let mut new = check::inputs(context, new).await?;
    // What the store adds to the active configuration would be there with the other files too.
    add_store(&mut new, &old);
    add_store(&mut old, &new);
    let (before, after) = (compiled(&old)?, compiled(&new)?);
    // A directory does not hold the agents of the store: both sides have all that either knows.
    let mut agents = old.agents.clone();
    let unknown = |agent: &&Arc<_>| !old.agents.contains(agent);
    agents.extend(new.agents.iter().filter(unknown).cloned());
    let side = |snapshot| Side {
        snapshot,
        agents: &agents,
    };
    let found = effect(side(&before), side(&after));
    if context.output.is_json() {
        context.output.document(&found)?;
    } else if markdown {
        context.output.raw(&found.to_markdown())?;
    } else {
        print_effect(context, &found.to_text())?;
    }
    Ok(Exit::Done)
}

/// Adds what the store holds where only the other side is the active configuration.
fn add_store(inputs: &mut Inputs, active: &Inputs) {
    if inputs.credentials.is_none() && active.credentials.is_some() {
        inputs.credentials.clone_from(&active.credentials);
        inputs.stored.clone_from(&active.stored);
        inputs.bound.clone_from(&active.bound);
    }
}

/// Decides the recorded requests again, and prints what would be different.
pub(super) async fn replay(context: &Context, args: &Args) -> Outcome {
    let since = moment(&args.since, context.process.clock.utc())?;
    let directory = directory(context)?;
    let workspace = candidates(context, args)?;
    let files = workspace.files().map_err(files_failure)?;
    let inputs = match read_if_there(&workspace.config().store_url).await? {
        Some(view) => workspace.with_store(files, &view),
        None => files,
    };
    let snapshot = compiled(&inputs)?;
    let mut replay = Replay::new(&snapshot, &inputs.agents);
    let query = Query {
        kinds: vec![Kind::Decided],
        since: Some(since),
        ..Query::default()
    };
    for line in Reader::open(&directory, query).map_err(|error| unreadable(&error))? {
        let line = line.map_err(|error| unreadable(&error))?;
        let (Some(front), Some(decided)) = (line.front(), line.decided()) else {
            continue;
        };
        let time = OffsetDateTime::parse(front.time, &Rfc3339);
        let time = time.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        replay.add((front.time, time), &decided);
    }
    let found = replay.finish();
    print(context, &found)?;
    let failed = args.fail_on_newly_allowed && found.newly_allowed() > 0;
    Ok(if failed { Exit::Problems } else { Exit::Done })
}

/// The configuration with the candidates in the place of its own directories.
fn candidates(context: &Context, args: &Args) -> Result<Workspace, Failure> {
    let workspace = Workspace::load(context)?;
    let place = |dir: &Path| {
        let dir = context.process.directory.join(dir);
        let shown = dir.display().to_string();
        dir.is_dir()
            .then_some(vec![dir])
            .ok_or_else(|| Failure::usage(format!("`{}` is not a directory", escape(&shown))))
    };
    let mut config: Config = workspace.config().clone();
    if let Some(dir) = &args.policies {
        config.policies = place(dir)?;
    }
    if let Some(dir) = &args.connectors {
        config.connectors = place(dir)?;
    }
    Ok(workspace.with_config(config))
}

fn compiled(inputs: &Inputs) -> Result<Snapshot, Failure> {
    let inputs = Inputs {
        unknown: Unknown::Tolerated,
        ..inputs.clone()
    };
    let (snapshot, report) = Snapshot::compile(&inputs);
    snapshot.ok_or_else(|| files_failure(report))
}

fn print(context: &Context, found: &Replayed) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.document(found);
    }
    let mut lines = vec![format!(
        "{} requests decided again, {} left out; {} would newly be allowed",
        found.records,
        found.skipped,
        found.newly_allowed()
    )];
    for change in &found.changes {
        let (was, now) = (word(change.was), word(change.now));
        lines.push(format!(
            "{} x {} {}: {was} → {now}",
            change.count, change.agent, change.actions
        ));
        let example = &change.example;
        lines.push(format!(
            "    {} {} {}",
            example.time, example.request_id, example.request
        ));
    }
    for line in lines {
        context.output.line(&escape(&line))?;
    }
    Ok(())
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::RequireApproval => "asked",
        Decision::Deny => "denied",
    }
}
