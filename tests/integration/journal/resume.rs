//! Going on behind what a sink has delivered: after a restart, after a loss, after the files were replaced; and what retention leaves.

use std::sync::Arc;
use std::time::Duration;

use tollgate::journal::{
    Cursor, Delivered, Durability, Follower, Head, Known, Opening, Progress, Resumed, Retention,
    Trust, Undelivered, list, resume, verify,
};

use super::{Place, allowed};

/// Reads everything behind a place; returns the agents of `decided` records, and the place behind them.
fn delivered(place: &Place, from: &Delivered) -> (Vec<String>, Delivered, Resumed) {
    let (mut follower, resumed) = resume(&place.path(), from).unwrap();
    let mut agents = Vec::new();
    let mut last = *from;
    loop {
        let lines = follower.next_lines().unwrap();
        let Some(newest) = lines.last() else {
            return (agents, last, resumed);
        };
        last = Delivered {
            cursor: follower.cursor(),
            hash: newest.hash(),
        };
        let decided = lines.iter().filter_map(|line| line.decided());
        agents.extend(decided.map(|decided| decided.agent.into_owned()));
    }
}

async fn write(opening: Opening, agents: &[&str]) {
    let journal = opening.open().unwrap();
    for agent in agents {
        journal.append(&allowed(agent)).await.unwrap();
    }
    journal.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_delivered_twice_or_left_out_between_starts() {
    let place = Place::new();
    write(place.opening(), &["a", "b"]).await;
    let (agents, first, resumed) = delivered(&place, &Delivered::default());
    assert_eq!(
        (agents, resumed),
        (vec!["a".into(), "b".into()], Resumed::InPlace)
    );
    first.keep(&place.path(), "file").unwrap();
    write(place.opening(), &["c"]).await;
    let kept = Delivered::read(&place.path(), "file").unwrap();
    assert_eq!(kept, first);
    let (agents, second, resumed) = delivered(&place, &kept);
    assert_eq!((agents, resumed), (vec!["c".to_owned()], Resumed::InPlace));
    assert_eq!(delivered(&place, &second).0, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_found_again_in_a_compressed_segment_and_behind_a_removed_one() {
    let place = Place::new();
    let small = || {
        let mut opening = place.opening();
        opening.settings.segment.bytes = 2_000;
        opening
    };
    let numbers: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let (before, behind) = numbers.split_at(3);
    write(small(), before).await;
    let (_, kept, _) = delivered(&place, &Delivered::default());
    write(small(), behind).await;
    let segments = list(&place.path()).unwrap();
    assert!(segments.len() > 5, "{segments:?}");
    let (agents, _, resumed) = delivered(&place, &kept);
    assert_eq!(
        (agents, resumed),
        (
            behind.iter().map(ToString::to_string).collect(),
            Resumed::InPlace
        )
    );
    for segment in &segments[..3] {
        std::fs::remove_file(place.path().join(segment.name())).unwrap();
    }
    let (agents, _, resumed) = delivered(&place, &kept);
    assert_eq!(resumed, Resumed::InPlace);
    assert_eq!(agents.last().map(String::as_str), numbers.last().copied());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_restored_and_written_again_is_told_by_what_knows_more() {
    let place = Place::new();
    write(place.opening(), &["a"]).await;
    let file = place.path().join(list(&place.path()).unwrap()[0].name());
    let copy = std::fs::read(&file).unwrap();
    write(place.opening(), &["b", "c"]).await;
    let (_, kept, _) = delivered(&place, &Delivered::default());
    let known = |head: Head| Known {
        lines: vec![("sink file".to_owned(), head)],
        ..Known::default()
    };

    // Restored: the sink's number is above the files, so nothing is written under a number that it has seen.
    std::fs::write(&file, &copy).unwrap();
    let mut opening = place.opening();
    opening.known = known(kept.head().unwrap());
    write(opening, &["d"]).await;
    let (agents, _, resumed) = delivered(&place, &kept);
    assert_eq!((agents, resumed), (vec!["d".to_owned()], Resumed::Moved));
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!((report.finding, report.lost.len()), (None, 1));

    // Restored and written by a gateway that did not know: both are told, and the other lines are delivered too.
    std::fs::write(&file, &copy).unwrap();
    write(place.opening(), &["e", "f", "g"]).await;
    let (agents, _, resumed) = delivered(&place, &kept);
    assert_eq!(resumed, Resumed::Forked);
    assert!(
        agents.ends_with(&["e".into(), "f".into(), "g".into()]),
        "{agents:?}"
    );
    let mut opening = place.opening();
    opening.known = known(kept.head().unwrap());
    let journal = opening.open().unwrap();
    assert!(journal.is_forked());
    journal.close().await;
    let changed = place.of_kind("changed");
    assert_eq!(changed[0]["what"], "journal.fork");
    assert_eq!(changed[0]["subject"], "sink file");
    assert_eq!(changed[0]["detail"]["seq"], kept.cursor.seq);

    let quiet = place.opening().open().unwrap();
    assert!(!quiet.is_forked());
    quiet.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_file_does_not_stop_a_sink() {
    let place = Place::new();
    write(place.opening(), &["a", "b", "c"]).await;
    let (_, kept, _) = delivered(&place, &Delivered::default());
    let file = place.path().join(list(&place.path()).unwrap()[0].name());
    let text = std::fs::read(&file).unwrap();
    // In the middle of a line, which the next start moves aside.
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    let mut opening = place.opening();
    opening.known.lines = vec![("sink".to_owned(), kept.head().unwrap())];
    write(opening, &["d"]).await;
    let (agents, _, _) = delivered(&place, &kept);
    assert_eq!(agents, ["d"]);
}

async fn removed_with(undelivered: Undelivered) -> (Place, Arc<Progress>) {
    let place = Place::new();
    let mut opening = place.opening();
    opening.settings.segment.bytes = 2_000;
    let journal = opening.open().unwrap();
    for number in 0..30 {
        journal.append(&allowed(&number.to_string())).await.unwrap();
    }
    journal.close().await;
    let mut follower = Follower::at(&place.path(), Cursor::default());
    let first = follower.next_lines().unwrap();
    assert!(first.len() < 20);
    let half = Delivered {
        cursor: follower.cursor(),
        hash: first.last().unwrap().hash(),
    };
    let progress = Arc::new(Progress::new("siem", undelivered, &half));
    let mut opening = place.opening();
    opening.settings.durability = Durability::Strict;
    opening.settings.retention = Retention {
        bytes: 1,
        ..Retention::default()
    };
    opening.sinks = vec![Arc::clone(&progress)];
    let journal = opening.open().unwrap();
    let wanted = match undelivered {
        Undelivered::Removed => 1,
        Undelivered::Kept => list(&place.path()).unwrap().len() - 1,
    };
    let removed = async {
        while list(&place.path()).unwrap().len() > wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), removed)
        .await
        .unwrap();
    journal.close().await;
    (place, progress)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_misses_is_recorded_and_counted() {
    let (place, progress) = removed_with(Undelivered::Removed).await;
    let missed: Vec<(u64, u64)> = place
        .of_kind("changed")
        .iter()
        .filter(|changed| changed["what"] == "sink.missed")
        .map(|changed| {
            assert_eq!(changed["subject"], "siem");
            let number = |key: &str| changed["detail"][key].as_u64().unwrap();
            (number("from"), number("to"))
        })
        .collect();
    assert_eq!(missed[0].0, progress.seq() + 1);
    assert!(
        missed.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1),
        "{missed:?}"
    );
    let count: u64 = missed.iter().map(|(from, to)| to - from + 1).sum();
    assert_eq!(progress.missed(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_holds_stays_until_it_is_delivered() {
    let (place, progress) = removed_with(Undelivered::Kept).await;
    assert_eq!(progress.missed(), 0);
    let changed = place.of_kind("changed");
    let removed: Vec<u64> = changed
        .iter()
        .filter(|changed| changed["what"] == "journal.segment_removed")
        .map(|changed| changed["detail"]["last_seq"].as_u64().unwrap())
        .collect();
    assert!(!removed.is_empty(), "{changed:?}");
    assert!(
        removed.iter().all(|last| *last <= progress.seq()),
        "{removed:?}"
    );
}
