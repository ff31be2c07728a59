//! The journal of a gateway: its key out of the vault, what the store knows of it, its anchor, and what an older version left.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::sync::watch;

use super::first_start::Prepared;
use super::store_broken;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::config;
use crate::journal::{
    Changed, CheckpointLimits, Head, Identity, Journal, Known, OldRecord, Opening, Retention,
    SegmentLimits, Settings, Signed, Signer, TakeOver, TakenOver,
};
use crate::model::clock::Clock;
use crate::model::hex::hex;
use crate::store::{Store, StoreError};

/// Free-standing values of the store.
const KEY: &str = "journal.key";
const IDENTITY: &str = "journal.identity";
const BOOT: &str = "journal.boot";
/// Number and hash of the newest line at the last checkpoint, or at the last stop.
pub(in crate::cli) const HEAD: &str = "journal.head";

/// Events that are read out of the store at once.
const PAGE: u32 = 1_000;

/// Opens the journal and records the start. A new journal is numbered above what an older version left in the store.
pub(super) async fn open(
    context: &Context,
    workspace: &Workspace,
    prepared: &Prepared,
) -> Result<Journal, Failure> {
    let store = &prepared.store;
    let clock = context.process.clock.clone();
    let signer = signer(prepared).await?;
    let identity = identity(store, &signer, &clock).await?;
    let boot = ulid::Ulid::from_datetime(clock.now()).to_string();
    let head = store.meta(HEAD).await.map_err(store_broken)?;
    let seq = head
        .as_deref()
        .and_then(|head| head.split_once(' ')?.0.parse().ok());
    let opening = Opening {
        settings: settings(&workspace.config().audit),
        signer: Some(signer),
        known: Known {
            seq: seq.unwrap_or(0),
            boot: store.meta(BOOT).await.map_err(store_broken)?,
        },
        numbered_above: store.last_old_event().await.map_err(store_broken)?,
        boot: boot.clone(),
        ..Opening::new(&workspace.state().journal(), identity, clock)
    };
    // Reads files, and waits for the first record.
    let opened = tokio::task::spawn_blocking(move || opening.open()).await;
    let failed = |text: String| {
        Failure::failed("journal", text)
            .help("without it nothing is forwarded; look at the disk and at who owns the directory")
    };
    let journal = opened
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    store.put_meta(BOOT, &boot).await.map_err(store_broken)?;
    Ok(journal)
}

/// Opens the signing key, or makes it.
async fn signer(prepared: &Prepared) -> Result<Signer, Failure> {
    let failed = |text: &str| Failure::failed("journal", text.to_owned());
    let own = &prepared.unlocked.own;
    let stored = prepared.store.meta(KEY).await.map_err(store_broken)?;
    let stored = match stored {
        Some(stored) => stored,
        None => {
            let key = Signer::generate().map_err(|error| failed(&error.to_string()))?;
            let sealed = own.seal(KEY, &key, &mut rand::rng());
            let sealed = sealed.ok_or_else(|| failed("the journal's key cannot be sealed"))?;
            let sealed = STANDARD.encode(sealed);
            let claimed = prepared.store.claim_meta(KEY, &sealed).await;
            claimed.map_err(store_broken)?
        }
    };
    let sealed = STANDARD.decode(stored).unwrap_or_default();
    let key = own.open(KEY, &sealed).ok_or_else(|| {
        failed("the journal's key does not authenticate: its row in the store was changed")
    })?;
    Signer::new(&key).map_err(|error| failed(&error.to_string()))
}

/// Reads who writes this journal, or says it for good.
async fn identity(store: &Store, signer: &Signer, clock: &Clock) -> Result<Identity, Failure> {
    let fresh = Identity {
        gateway: ulid::Ulid::from_datetime(clock.now()).to_string(),
        public_key: signer.public_key(),
        created: clock.stamp(),
    };
    let kept = store
        .claim_meta(IDENTITY, &fresh.to_text())
        .await
        .map_err(store_broken)?;
    serde_json::from_str(&kept).map_err(|error| {
        Failure::failed(
            "journal",
            format!("the identity of the journal does not read: {error}"),
        )
    })
}

fn settings(config: &config::Audit) -> Settings {
    Settings {
        durability: config.durability,
        segment: SegmentLimits {
            bytes: config.segment_bytes,
            age: config.segment_age,
        },
        checkpoint: CheckpointLimits {
            records: config.checkpoint_records,
            every: config.checkpoint_every,
        },
        retention: Retention {
            age: config.retain_age,
            bytes: config.retain_bytes,
        },
        ..Settings::default()
    }
}

/// Keeps each checkpoint in the store, and where the configuration says to take it.
pub(super) async fn follow_checkpoints(
    mut checkpoints: watch::Receiver<Option<Signed>>,
    store: Store,
    anchor: Option<Arc<Path>>,
) {
    while checkpoints.changed().await.is_ok() {
        let Some(signed) = checkpoints.borrow_and_update().clone() else {
            continue;
        };
        keep(&store, &signed.head).await;
        let Some(file) = anchor.clone() else { continue };
        let taken = tokio::task::spawn_blocking(move || take(&file, &signed)).await;
        match taken {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a checkpoint is not anchored"),
            Err(error) => tracing::error!(%error, "a checkpoint is not anchored"),
        }
    }
}

/// Keeps the newest line in the store, so that the next start notices what is missing.
pub(super) async fn keep(store: &Store, head: &Head) {
    let text = format!("{} {}", head.seq, hex(&head.hash));
    if let Err(error) = store.put_meta(HEAD, &text).await {
        tracing::warn!(%error, "the store does not know the newest record of the journal");
    }
}

/// Appends a checkpoint to the anchor's file, which may be one that can only be appended to.
fn take(file: &Path, signed: &Signed) -> io::Result<()> {
    let line = json!({
        "seq": signed.head.seq, "hash": hex(&signed.head.hash), "signature": signed.signature,
    });
    let mut options = OpenOptions::new();
    let mut file: File = options.append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

/// Records what commands have changed since the last time. Each goes out of the store once it is in the journal.
pub(super) async fn record_changes(journal: &Journal, store: &Store) -> Result<(), StoreError> {
    for change in store.unrecorded_changes().await? {
        let changed = Changed {
            what: change.what.as_str().into(),
            operator: change.operator.as_str().into(),
            subject: change.subject.as_str().into(),
            made_at: change.time.as_str().into(),
            ..Changed::default()
        };
        if let Err(error) = journal.append(&changed).await {
            tracing::error!(what = change.what, %error, "a change is not in the journal yet");
            return Ok(());
        }
        store.forget_change(change.id).await?;
    }
    Ok(())
}

/// Takes over, once, the events that an older version kept in the store. A take-over that breaks off begins anew at the next start.
pub(super) async fn take_over(journal: Journal, store: Store) {
    match store.last_old_event().await {
        Ok(0) => {}
        Ok(_) => match take_over_all(&journal, &store).await {
            Ok(taken) => tracing::warn!(
                records = taken.lines,
                "the events of the store are taken over into the journal"
            ),
            Err(error) => {
                tracing::error!(%error, "the events of the store are not taken over; the next start tries again");
            }
        },
        Err(error) => tracing::error!(%error, "the events of the store cannot be read"),
    }
}

async fn take_over_all(journal: &Journal, store: &Store) -> Result<TakenOver, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let identity = store.meta(IDENTITY).await.map_err(|error| text(&error))?;
    let identity: Identity =
        serde_json::from_str(&identity.unwrap_or_default()).map_err(|error| text(&error))?;
    let mut taking =
        TakeOver::begin(journal.directory(), &identity).map_err(|error| text(&error))?;
    let mut after = 0;
    loop {
        let page = store.old_events(after, PAGE).await;
        let page = page.map_err(|error| text(&error))?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for event in page {
            let record = OldRecord {
                seq: event.seq,
                time: event.time,
                kind: event.kind,
                body: event.body,
            };
            taking.add(&record).map_err(|error| text(&error))?;
        }
        // Others have work to do.
        tokio::task::yield_now().await;
    }
    let taken = taking.finish().map_err(|error| text(&error))?;
    let recorded = journal.append(&taken.record()).await;
    recorded.map_err(|error| text(&error))?;
    let dropped = store.drop_old_events().await;
    dropped.map_err(|error| text(&error))?;
    Ok(taken)
}
