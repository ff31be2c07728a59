//! Checkpoints of the journal, taken to the store and to anchors, and read from there at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::journal::{Head, STORED_HEAD, Signed};
use crate::model::hex::hex;
use crate::sink::Anchoring;
use crate::store::Store;

/// Bytes of the end of an anchor's file that hold its last line.
const END: i64 = 4 << 10;

/// How long a receiver has to take a checkpoint.
const DELIVERY: Duration = Duration::from_secs(10);

/// How long after a failure a checkpoint is sent again: twice as long each time, up to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

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
    if let Err(error) = store.put_meta(STORED_HEAD, &text).await {
        tracing::warn!(%error, "the store does not know the newest record of the journal");
    }
}

/// Appends a checkpoint to the anchor's file, which may be one that can only be appended to.
fn take(file: &Path, signed: &Signed) -> io::Result<()> {
    let line = json!({
        "seq": signed.head.seq, "hash": hex(&signed.head.hash), "signature": signed.signature,
    });
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let mut file: File = options.open(file)?;
    // What a full disk or a crash has cut off stays a line of its own.
    let end = file.metadata()?.len();
    let mut last = [b'\n'];
    if end > 0 {
        file.read_exact_at(&mut last, end - 1)?;
    }
    let between = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{between}{line}\n").as_bytes())?;
    file.sync_data()
}

/// Sends each checkpoint to a receiver. One that cannot be sent is sent again, unless a newer one covers it.
pub(super) async fn anchor(
    mut checkpoints: watch::Receiver<Option<Signed>>,
    mut receiver: Anchoring,
) {
    let mut pause = RETRY.0;
    let mut waits = false;
    loop {
        if !waits && checkpoints.changed().await.is_err() {
            return;
        }
        let newest = checkpoints.borrow_and_update().clone();
        let Some(signed) = newest else { continue };
        let sent = tokio::time::timeout(DELIVERY, receiver.send(&signed)).await;
        let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        waits = sent.is_err();
        match sent {
            Ok(()) => pause = RETRY.0,
            Err(error) => {
                tracing::error!(%error, seq = signed.head.seq, "a checkpoint is not anchored; it is sent again");
                if !is_going_on(&mut checkpoints, pause).await {
                    return;
                }
                pause = pause.saturating_mul(2).min(RETRY.1);
            }
        }
    }
}

/// Waits so long, whatever checkpoints come meanwhile; returns whether more can come.
async fn is_going_on(checkpoints: &mut watch::Receiver<Option<Signed>>, pause: Duration) -> bool {
    let ended = async { while checkpoints.changed().await.is_ok() {} };
    tokio::time::timeout(pause, ended).await.is_err()
}

/// Reads number and hash as [`keep`] has written them.
pub(super) fn head_of(text: &str) -> Option<Head> {
    let (seq, hash) = text.split_once(' ')?;
    let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
    Head::known(seq, hash)
}

/// Reads the last checkpoint of an anchor's file; `None` where there is none, or it cannot be read.
pub(super) fn anchored(file: &Path) -> Option<Head> {
    let read = || -> io::Result<String> {
        let mut file = File::open(file)?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-length.min(END)))?;
        let mut end = String::new();
        file.read_to_string(&mut end)?;
        Ok(end)
    };
    let text = match read() {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, "the anchor cannot be read; whether the journal ends before it is not known");
            return None;
        }
    };
    // A line that a crash has cut off does not read.
    let mut lines = text.lines().rev();
    lines.find_map(|line| {
        let line: Json = serde_json::from_str(line).ok()?;
        Head::known(line.get("seq")?.as_u64()?, line.get("hash")?.as_str()?)
    })
}
