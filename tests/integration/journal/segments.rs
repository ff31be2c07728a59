//! Segments: sealed, compressed and removed; a start goes on where the last whole line is, and says what is missing.

use std::io::Write as _;
use std::time::Duration;

use tollgate::journal::{
    Cursor, Follower, Known, OldRecord, Retention, Segment, TakeOver, Trust, list, verify,
};
use tollgate::model::clock::Clock;

use super::{Place, allowed, identity, records};

/// Seals after every few records.
fn small(place: &Place) -> tollgate::journal::Opening {
    let mut opening = place.opening();
    opening.settings.segment.bytes = 2_000;
    opening
}

fn names(place: &Place) -> Vec<String> {
    let segments = list(&place.path()).unwrap();
    segments.iter().map(Segment::name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_segment_is_sealed_and_compressed_and_everything_is_still_found() {
    let place = Place::new();
    let journal = small(&place).open().unwrap();
    let numbers: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    for number in &numbers {
        journal.append(&allowed(number)).await.unwrap();
    }
    let sealed = || {
        let found = names(&place);
        found.len() > 3
            && found
                .iter()
                .rev()
                .skip(1)
                .all(|name| name.ends_with(".zst"))
    };
    while !sealed() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(place.agents(), numbers);
    let summary = place.path().join("000000000001.summary.json");
    while !summary.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    journal.close().await;
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);
    assert_eq!(report.claim, Some("self-consistent only"));
    assert!(report.segments > 3, "{}", report.segments);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_goes_on_with_the_chain() {
    let place = Place::new();
    for round in 0..4 {
        let journal = small(&place).open().unwrap();
        for number in 0..10 {
            let agent = format!("{round}-{number}");
            journal.append(&allowed(&agent)).await.unwrap();
        }
        journal.close().await;
    }
    assert_eq!(place.agents().len(), 40);
    assert_eq!(place.of_kind("started").len(), 4);
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_line_is_set_aside_and_recorded() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&allowed("a")).await.unwrap();
    journal.close().await;
    let segment = place.path().join("000000000001.jsonl");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&segment)
        .unwrap();
    file.write_all(b"{\"seq\":4,\"prev\":\"0123").unwrap();
    let journal = place.open();
    journal.append(&allowed("b")).await.unwrap();
    journal.close().await;
    let torn = std::fs::read_to_string(place.path().join("000000000001.torn")).unwrap();
    assert_eq!(torn, "{\"seq\":4,\"prev\":\"0123\n");
    assert_eq!(place.of_kind("started")[1]["torn_bytes"], 21);
    assert_eq!(place.agents(), ["a", "b"]);
    assert_eq!(
        verify(&place.path(), &Trust::default()).unwrap().finding,
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_somebody_knows_and_the_files_do_not_are_told_as_lost() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&allowed("a")).await.unwrap();
    journal.close().await;
    let mut opening = place.opening();
    opening.known = Known {
        seq: 10,
        ..Known::default()
    };
    let journal = opening.open().unwrap();
    assert_eq!(journal.head().seq, 11);
    journal.close().await;
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);
    let lost: Vec<(u64, u64)> = report
        .lost
        .iter()
        .map(|lost| (lost.from, lost.to))
        .collect();
    assert_eq!(lost, [(4, 10)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_is_recorded_before_and_the_rest_still_verifies() {
    let place = Place::new();
    let journal = small(&place).open().unwrap();
    for number in 0..40 {
        journal.append(&allowed(&number.to_string())).await.unwrap();
    }
    journal.close().await;
    // One that is removed and not recorded is missed.
    let segments = list(&place.path()).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
    let file = place.path().join(segments[0].name());
    let text = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let finding = verify(&place.path(), &Trust::default())
        .unwrap()
        .finding
        .unwrap();
    assert!(finding.problem.contains("no record says"), "{finding:?}");
    std::fs::write(&file, text).unwrap();

    let mut opening = place.opening();
    opening.settings.retention = Retention {
        bytes: 1,
        ..Retention::default()
    };
    let journal = opening.open().unwrap();
    while list(&place.path()).unwrap().len() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    journal.close().await;
    let changed = place.of_kind("changed");
    assert_eq!(changed.len(), segments.len() - 1);
    assert_eq!(changed[0]["what"], "journal.segment_removed");
    assert_eq!(changed[0]["detail"]["first_seq"], 1);
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);
    assert!(report.first_seq > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_removed_than_takes_too_much() {
    let place = Place::new();
    let journal = small(&place).open().unwrap();
    for number in 0..40 {
        journal.append(&allowed(&number.to_string())).await.unwrap();
    }
    journal.close().await;
    let segments = list(&place.path()).unwrap();
    let size = |segment: &Segment| {
        let file = std::fs::metadata(place.path().join(segment.name()));
        file.unwrap().len()
    };
    let sizes: Vec<u64> = segments.iter().map(size).collect();
    let mut opening = place.opening();
    // The newest three, and a byte less than the one before them needs as well.
    let kept = &sizes[sizes.len() - 4..];
    opening.settings.retention = Retention {
        bytes: kept.iter().sum::<u64>() - 1,
        ..Retention::default()
    };
    let journal = opening.open().unwrap();
    let first = place.path().join(segments[sizes.len() - 4].name());
    let gone = async {
        while first.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, gone).await.unwrap();
    journal.close().await;
    let numbers = |segments: &[Segment]| segments.iter().map(|one| one.number).collect::<Vec<_>>();
    let left = list(&place.path()).unwrap();
    assert_eq!(numbers(&left), numbers(&segments[sizes.len() - 3..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_older_version_kept_becomes_the_first_segment() {
    let place = Place::new();
    let mut opening = place.opening();
    opening.numbered_above = 7;
    let journal = opening.open().unwrap();
    let mut taking = TakeOver::begin(&place.path(), &identity()).unwrap();
    for (seq, body) in [
        (
            2,
            r#"{"agent":"old","decision":"allow","host":"a.test:443","id":"1","v":1}"#,
        ),
        (7, "no JSON"),
    ] {
        let record = OldRecord {
            seq,
            time: Clock::system().stamp(),
            kind: "decided".to_owned(),
            body: body.to_owned(),
        };
        taking.add(&record).unwrap();
    }
    let taken = taking.finish().unwrap();
    assert_eq!(taken.lines, 2);
    journal.append(&taken.record()).await.unwrap();
    journal.close().await;
    let found = records(&place.path());
    assert_eq!(found[0]["agent"], "old");
    assert_eq!(
        (&found[0]["seq"], &found[0]["old_seq"]),
        (&1.into(), &2.into())
    );
    assert_eq!(found[2]["seq"], 8);
    assert_eq!(
        verify(&place.path(), &Trust::default()).unwrap().finding,
        None
    );
    // It is chained too.
    let first = list(&place.path()).unwrap()[0];
    let text = String::from_utf8(first.read(&place.path()).unwrap()).unwrap();
    std::fs::remove_file(place.path().join(first.name())).unwrap();
    let file = place.path().join("000000000000.jsonl");
    std::fs::write(file, text.replace("\"old\"", "\"new\"")).unwrap();
    let finding = verify(&place.path(), &Trust::default()).unwrap().finding;
    assert_eq!(finding.unwrap().line, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_goes_on_behind_any_number_whatever_segment_holds_it() {
    let place = Place::new();
    let journal = small(&place).open().unwrap();
    for number in 0..30 {
        let name = number.to_string();
        journal.append(&allowed(&name)).await.unwrap();
    }
    journal.close().await;
    let all = |mut follower: Follower| {
        let mut found = Vec::new();
        loop {
            let lines = follower.next_lines().unwrap();
            if lines.is_empty() {
                return found;
            }
            found.extend(lines.iter().map(|line| line.front().unwrap().seq));
        }
    };
    let from_the_start = all(Follower::at(&place.path(), Cursor::default()));
    let last = *from_the_start.last().unwrap();
    assert!(last >= 30 && names(&place).len() > 3);
    for after in 0..=last {
        let read = all(Follower::behind(&place.path(), after).unwrap());
        let missed = from_the_start.iter().filter(|seq| **seq > after);
        let behind = read.iter().filter(|seq| **seq > after);
        assert!(missed.eq(behind), "behind {after}: {read:?}");
        let early = read.iter().filter(|seq| **seq <= after).count();
        assert!(early < 20, "behind {after}: begins {early} lines before");
    }
}
