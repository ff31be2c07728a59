//! Opens a gateway's journal with its key from the vault, and takes over what an older version left.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::checkpoints;
use super::first_start::Prepared;
use super::store_broken;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::workspace::Workspace;
use crate::config;
use crate::journal::{
    Changed, CheckpointLimits, Identity, Journal, Known, OldRecord, Opening, Retention,
    STORED_HEAD, SegmentLimits, Settings, Signer, TakeOver, TakenOver,
};
use crate::model::clock::Clock;
use crate::sink;
use crate::store::{Store, StoreError};
use crate::vault::{JOURNAL_KEY as KEY, NEXT_JOURNAL_KEY as NEXT_KEY};

/// Free-standing values of the store.
/// Set where the next start is to rotate the key.
pub(in crate::cli) const ROTATE: &str = "journal.rotate";
const IDENTITY: &str = "journal.identity";
const BOOT: &str = "journal.boot";

/// Events that are read out of the store at once.
const PAGE: u32 = 1_000;

/// Opens the journal and records the start. A new journal is numbered above what an older version left in the store.
pub(super) async fn open(
    context: &Context,
    workspace: &Workspace,
    prepared: &Prepared,
) -> Result<(Journal, sink::Prepared), Failure> {
    let store = &prepared.store;
    let clock = context.process.clock.clone();
    let signer = signer(prepared).await?;
    let next = next_key(prepared).await?;
    let next_signer = next.as_deref().map(|key| Signer::new(key)).transpose();
    let next_signer = next_signer.map_err(|error| Failure::failed("journal", error.to_string()))?;
    let identity = identity(store, &signer, &clock).await?;
    let boot = ulid::Ulid::from_datetime(clock.now()).to_string();
    let config = &workspace.config().audit;
    let directory = workspace.state().journal();
    let sinks = sink::Prepared::read(&directory, &config.sinks)
        .map_err(|error| Failure::failed("sink", error.to_string()))?;
    let mut lines = sinks.heads();
    let head = store.meta(STORED_HEAD).await.map_err(store_broken)?;
    let stored = head.as_deref().and_then(checkpoints::head_of);
    lines.extend(stored.map(|head| ("store".to_owned(), head)));
    let anchored = config
        .anchor_file
        .as_deref()
        .and_then(checkpoints::anchored);
    lines.extend(anchored.map(|head| ("anchor".to_owned(), head)));
    let opening = Opening {
        settings: settings(config),
        signer: Some(signer),
        next_signer,
        known: Known {
            seq: 0,
            lines,
            boot: store.meta(BOOT).await.map_err(store_broken)?,
        },
        sinks: sinks.progress(),
        numbered_above: store.last_old_event().await.map_err(store_broken)?,
        boot: boot.clone(),
        ..Opening::new(&directory, identity, clock)
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
    if let Some(key) = next {
        // The journal has it; a start that broke off before goes over again.
        let sealed = sealed(prepared, KEY, &key)?;
        for (name, value) in [(KEY, sealed.as_str()), (NEXT_KEY, ""), (ROTATE, "")] {
            store.put_meta(name, value).await.map_err(store_broken)?;
        }
        tracing::warn!("the key that signs the journal is rotated");
    }
    // The next start looks for this line, not for one that this start found lost.
    checkpoints::keep(store, &journal.head()).await;
    Ok((journal, sinks))
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
            let sealed = sealed(prepared, KEY, &key)?;
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

/// Returns the key that the journal goes over to, where `audit rotate-key` has asked for one. It is kept before it signs anything.
async fn next_key(prepared: &Prepared) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let failed = |text: &str| Failure::failed("journal", text.to_owned());
    let store = &prepared.store;
    let is_set = |value: &String| !value.is_empty();
    let kept = store.meta(NEXT_KEY).await.map_err(store_broken)?;
    if let Some(kept) = kept.filter(is_set) {
        let sealed = STANDARD.decode(kept).unwrap_or_default();
        let key = prepared.unlocked.own.open(NEXT_KEY, &sealed);
        return key.map(Some).ok_or_else(|| {
            failed("the journal's next key does not authenticate: its row in the store was changed")
        });
    }
    let asked = store.meta(ROTATE).await.map_err(store_broken)?;
    if !asked.as_ref().is_some_and(is_set) {
        return Ok(None);
    }
    let key = Signer::generate().map_err(|error| failed(&error.to_string()))?;
    let sealed = sealed(prepared, NEXT_KEY, &key)?;
    let put = store.put_meta(NEXT_KEY, &sealed).await;
    put.map_err(store_broken)?;
    Ok(Some(key))
}

fn sealed(prepared: &Prepared, name: &str, key: &[u8]) -> Result<String, Failure> {
    let sealed = prepared.unlocked.own.seal(name, key, &mut rand::rng());
    let failed = || Failure::failed("journal", "the journal's key cannot be sealed".to_owned());
    Ok(STANDARD.encode(sealed.ok_or_else(failed)?))
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

/// Records what commands have changed since the last time. Each goes out of the store once it is in the journal.
pub(super) async fn record_changes(journal: &Journal, store: &Store) -> Result<(), StoreError> {
    for change in store.unrecorded_changes().await? {
        let changed = Changed {
            what: change.what.as_str().into(),
            operator: change.operator.as_str().into(),
            subject: change.subject.as_str().into(),
            made_at: change.time.as_str().into(),
            agent: change.agent.as_str().into(),
            detail: serde_json::from_str(&change.detail).unwrap_or_default(),
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

/// Takes over, once, the events that an older version kept in the store. A take-over that breaks off begins again at the next start.
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

async fn take_over_all(journal: &Journal, store: &Store) -> anyhow::Result<TakenOver> {
    let identity = store.meta(IDENTITY).await?;
    let identity: Identity = serde_json::from_str(&identity.unwrap_or_default())?;
    let mut taking = TakeOver::begin(journal.directory(), &identity)?;
    let mut after = 0;
    loop {
        let page = store.old_events(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for event in page {
            let record = OldRecord {
                seq: event.seq,
                time: event.time,
                kind: event.kind,
                body: event.body,
            };
            taking.add(&record)?;
        }
        // Others have work to do.
        tokio::task::yield_now().await;
    }
    let taken = taking.finish()?;
    // The rows go only once a signature says that they are here.
    journal.append_signed(taken.record()).await?;
    store.drop_old_events().await?;
    Ok(taken)
}
