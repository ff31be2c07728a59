//! A disk that fails, is full or stalls: what is waited for is refused, nothing is lost silently, and it is over when the disk says so.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tollgate::journal::{Disk, Durability, Journal, JournalError, Trust, verify};

use super::{Place, allowed, finished, refused};

/// What the disk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    /// Fails with this errno after it has taken so many bytes.
    Fails(i32, usize),
    /// Does not come back.
    Stalls,
}

/// A disk whose mood a test sets.
#[derive(Debug, Clone)]
struct Moody(Arc<(Mutex<Mood>, Condvar)>);

impl Moody {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(Mood::Works), Condvar::new())))
    }

    fn set(&self, mood: Mood) {
        *self.0.0.lock() = mood;
        self.0.1.notify_all();
    }
}

impl Disk for Moody {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let mut mood = self.0.0.lock();
        loop {
            match *mood {
                Mood::Works => return file.write(bytes),
                Mood::Fails(errno, 0) => return Err(io::Error::from_raw_os_error(errno)),
                Mood::Fails(errno, taken) => {
                    *mood = Mood::Fails(errno, 0);
                    return file.write(&bytes[..taken.min(bytes.len())]);
                }
                Mood::Stalls => self.0.1.wait(&mut mood),
            }
        }
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }
}

const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EIO: i32 = 5;

fn open(place: &Place, durability: Durability) -> (Journal, Moody) {
    let disk = Moody::new();
    let mut opening = place.opening();
    opening.settings.durability = durability;
    opening.settings.stall_timeout = Duration::from_millis(300);
    opening.disk = Box::new(disk.clone());
    (opening.open().unwrap(), disk)
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_is_refused_and_it_is_over_by_itself() {
    for durability in [Durability::Strict, Durability::Fsync] {
        for (errno, taken) in [(EROFS, 0), (EIO, 0), (ENOSPC, 0), (ENOSPC, 50), (EIO, 200)] {
            let place = Place::new();
            let (journal, disk) = open(&place, durability);
            journal.append(&allowed("before")).await.unwrap();
            disk.set(Mood::Fails(errno, taken));
            for _ in 0..3 {
                let error = journal.append(&allowed("refused")).await.unwrap_err();
                assert!(matches!(error, JournalError::Unwritable(_)), "{error}");
            }
            assert!(!journal.is_healthy());
            journal.append_later(&finished("kept"));
            disk.set(Mood::Works);
            until(|| journal.is_healthy()).await;
            journal.append(&allowed("after")).await.unwrap();
            journal.close().await;
            assert_eq!(
                place.agents(),
                ["before", "after"],
                "{durability:?} {errno} {taken}"
            );
            assert_eq!(place.of_kind("finished").len(), 1);
            let changed = place.of_kind("changed");
            assert_eq!(changed[0]["what"], "journal.recovered");
            assert_eq!(changed[0]["detail"]["refused"], 3, "{changed:?}");
            let report = verify(&place.path(), &Trust::default()).unwrap();
            assert_eq!(report.finding, None, "{durability:?} {errno} {taken}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_batched_a_disk_that_fails_is_noticed_and_what_was_taken_is_kept() {
    let place = Place::new();
    let (journal, disk) = open(&place, Durability::Batched);
    disk.set(Mood::Fails(EIO, 0));
    journal.append(&allowed("taken")).await.unwrap();
    until(|| !journal.is_healthy()).await;
    let mut refusals = 0;
    until(|| journal.waiting() > 0).await;
    for _ in 0..20 {
        refusals += usize::from(journal.append(&allowed("more")).await.is_err());
    }
    assert!(refusals > 0);
    disk.set(Mood::Works);
    until(|| journal.is_healthy()).await;
    journal.close().await;
    assert_eq!(place.agents()[0], "taken");
    assert_eq!(
        verify(&place.path(), &Trust::default()).unwrap().finding,
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_on_a_full_disk_is_for_what_is_allowed() {
    let place = Place::new();
    let disk = Moody::new();
    let mut opening = place.opening();
    opening.settings.reserve = 64 << 10;
    opening.disk = Box::new(FullUntilReleased(
        place.path().join("reserve"),
        disk.clone(),
    ));
    let journal = opening.open().unwrap();
    assert!(place.path().join("reserve").exists());
    disk.set(Mood::Fails(ENOSPC, 0));
    journal.append(&allowed("a")).await.unwrap();
    // There is room for a new reserve, so it is soon over; until then refusals are not recorded.
    if journal.is_scarce() {
        let outcome = journal.append(&refused("b")).await;
        assert!(
            matches!(outcome, Ok(()) | Err(JournalError::Scarce)),
            "{outcome:?}"
        );
    }
    disk.set(Mood::Works);
    until(|| !journal.is_scarce()).await;
    journal.append(&refused("c")).await.unwrap();
    journal.close().await;
    let agents = place.agents();
    assert_eq!(
        (
            agents.first().unwrap().as_str(),
            agents.last().unwrap().as_str()
        ),
        ("a", "c")
    );
    assert_eq!(
        verify(&place.path(), &Trust::default()).unwrap().finding,
        None
    );
}

/// A full disk on which the reserve is what makes room.
#[derive(Debug)]
struct FullUntilReleased(std::path::PathBuf, Moody);

impl Disk for FullUntilReleased {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        if self.0.exists() {
            self.1.write(file, bytes)
        } else {
            file.write(bytes)
        }
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        self.1.sync(file)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stalls_refuses_in_time_and_delays_nothing_else() {
    let place = Place::new();
    let (journal, disk) = open(&place, Durability::Strict);
    journal.append(&allowed("before")).await.unwrap();
    disk.set(Mood::Stalls);
    let refused = Arc::new(AtomicUsize::new(0));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (journal, refused) = (journal.clone(), Arc::clone(&refused));
        waiting.spawn(async move {
            let outcome = journal.append(&allowed("waits")).await;
            refused.fetch_add(usize::from(outcome.is_err()), Ordering::SeqCst);
        });
    }
    // What is permitted already goes on while the disk stalls: its tasks run, and its end is taken.
    for _ in 0..50 {
        journal.append_later(&finished("open"));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until(|| !journal.is_healthy()).await;
    // All but the task that writes are refused while the disk still stalls, and who comes now at once.
    until(|| refused.load(Ordering::SeqCst) == 19).await;
    let late = journal.append(&allowed("late")).await;
    assert_eq!(late, Err(JournalError::Stalled));
    disk.set(Mood::Works);
    waiting.join_all().await;
    assert_eq!(refused.load(Ordering::SeqCst), 19);
    until(|| journal.is_healthy()).await;
    journal.append(&allowed("after")).await.unwrap();
    journal.close().await;
    assert_eq!(place.of_kind("finished").len(), 50);
    assert_eq!(place.agents().last().unwrap(), "after");
    assert_eq!(
        verify(&place.path(), &Trust::default()).unwrap().finding,
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_stalls_holds_up_no_other_task_not_even_the_one_that_was_to_run_next() {
    let place = Place::new();
    let (journal, disk) = open(&place, Durability::Strict);
    journal.append(&allowed("before")).await.unwrap();
    disk.set(Mood::Stalls);
    let (wake, woken) = tokio::sync::oneshot::channel();
    let (ran, has_run) = tokio::sync::oneshot::channel();
    let permitted = tokio::spawn(async move {
        woken.await.unwrap();
        // It goes on while the disk stalls, across several polls.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        ran.send(()).unwrap();
    });
    tokio::task::yield_now().await;
    let writes = {
        let journal = journal.clone();
        tokio::spawn(async move {
            // Tokio runs the task that is woken last next, on this worker.
            wake.send(()).unwrap();
            journal.append(&allowed("stalls")).await
        })
    };
    tokio::time::timeout(Duration::from_secs(20), has_run)
        .await
        .unwrap()
        .unwrap();
    assert!(!writes.is_finished());
    disk.set(Mood::Works);
    writes.await.unwrap().unwrap();
    permitted.await.unwrap();
    journal.close().await;
    assert_eq!(place.agents(), ["before", "stalls"]);
}

#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let place = Place::new();
    std::fs::write(place.path(), "a file").unwrap();
    let error = place.opening().open().unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}
