//! Forged journals: an attacker who can write the files, and has no key, makes journals out of genuine pieces. Each is found, and stays found
//! after a start of the gateway has signed on top of it.

mod random;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tollgate::journal::{
    Abridged, Anchor, Head, Identity, Journal, Known, OldRecord, Report, Retention, Signer,
    TakeOver, Trust, fingerprint, list, verify,
};
use tollgate::model::clock::Clock;
use tollgate::model::hex::hex;

use super::{Place, allowed, records};

/// A gateway with a key, which starts on whatever is in its directory.
struct Gateway {
    place: Place,
    key: zeroize::Zeroizing<Vec<u8>>,
    identity: Identity,
    stored: Option<Head>,
    anchors: Vec<Anchor>,
}

impl Gateway {
    fn new() -> Self {
        let key = Signer::generate().unwrap();
        let public_key = Signer::new(&key).unwrap().public_key();
        Self {
            place: Place::new(),
            key,
            identity: Identity {
                public_key,
                ..super::identity()
            },
            stored: None,
            anchors: Vec::new(),
        }
    }

    fn opening(&self) -> tollgate::journal::Opening {
        let mut opening = self.place.opening();
        opening.identity = self.identity.clone();
        opening.signer = Some(Signer::new(&self.key).unwrap());
        opening.settings.segment.bytes = 6_000;
        opening.settings.checkpoint.records = 10;
        let stored = self.stored.map(|head| ("store".to_owned(), head));
        opening.known = Known {
            lines: Vec::from_iter(stored),
            ..Known::default()
        };
        opening
    }

    /// Runs once: so many requests, and a stop.
    async fn run(&mut self, requests: usize) {
        let journal = self.opening().open().unwrap();
        for number in 0..requests {
            journal.append(&allowed(&number.to_string())).await.unwrap();
        }
        self.stop(journal).await;
    }

    async fn stop(&mut self, journal: Journal) {
        journal.close().await;
        let signed = journal.checkpoints().borrow().clone().unwrap();
        self.anchors.push(anchor(&signed.head));
        self.stored = Some(journal.head());
    }

    fn trust(&self) -> Trust {
        Trust {
            key: Some(fingerprint(&self.identity.public_key)),
            stored: self.stored.as_ref().map(anchor),
            ..Trust::default()
        }
    }

    /// Verifies by the key alone, by the anchors alone, and by the key in place.
    fn reports(&self) -> [Report; 3] {
        let by_key = Trust {
            stored: None,
            ..self.trust()
        };
        let by_anchors = Trust {
            anchors: self.anchors.clone(),
            ..Trust::default()
        };
        [by_key, by_anchors, self.trust()].map(|trust| verify(&self.place.path(), &trust).unwrap())
    }

    /// The lines of all segments, one after the other, each in a file of its own place.
    fn lines(&self) -> Vec<(String, Vec<String>)> {
        let segments = list(&self.place.path()).unwrap();
        let read = |segment: &tollgate::journal::Segment| {
            let text = String::from_utf8(segment.read(&self.place.path()).unwrap()).unwrap();
            let name = format!("{:012}.jsonl", segment.number);
            (name, text.lines().map(str::to_owned).collect())
        };
        segments.iter().map(read).collect()
    }

    /// Replaces all segments, and takes the summaries away.
    fn write(&self, segments: &[(String, Vec<String>)]) {
        for entry in fs::read_dir(self.place.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "key.pub" {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for (name, lines) in segments {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(self.place.path().join(name), text).unwrap();
        }
    }

    /// Starts on what is there, as often as a gateway may, and verifies after each stop.
    async fn is_found_for_good(&mut self, what: &str) {
        for _ in 0..2 {
            self.run(3).await;
            let [by_key, _, in_place] = self.reports();
            assert!(by_key.finding.is_some(), "{what}: {by_key:?}");
            assert!(in_place.finding.is_some(), "{what}: {in_place:?}");
        }
    }
}

fn anchor(head: &Head) -> Anchor {
    Anchor {
        seq: head.seq,
        hash: hex(&head.hash),
    }
}

/// What a line holds behind number and previous hash.
fn body(line: &str) -> &str {
    let prev = line.find("\"prev\":\"").unwrap() + 8;
    &line[prev + 66..]
}

fn hash(line: &str) -> String {
    Abridged::of(line.as_bytes()).sha256
}

/// Chains bodies behind a hash.
fn chained<'a>(bodies: impl IntoIterator<Item = &'a str>, mut seq: u64, prev: &str) -> Vec<String> {
    let mut prev = prev.to_owned();
    let chain = bodies.into_iter().map(|body| {
        let line = format!("{{\"seq\":{seq},\"prev\":\"{prev}\",{body}");
        prev = hash(&line);
        seq += 1;
        line
    });
    chain.collect()
}

fn seq(line: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
        .as_u64()
        .unwrap()
}

fn prev(line: &str) -> String {
    let start = line.find("\"prev\":\"").unwrap() + 8;
    line[start..start + 64].to_owned()
}

fn is_checkpoint(line: &&String) -> bool {
    line.contains("\"kind\":\"checkpoint\"")
}

const INVENTED: &str =
    r#""time":"2026-11-30T15:00:00.000000Z","kind":"changed","what":"nothing.happened"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn genuine_journals_are_verified_by_key_by_anchors_and_in_place() {
    let mut gateway = Gateway::new();
    for requests in [0, 40, 3] {
        gateway.run(requests).await;
        for report in gateway.reports() {
            assert_eq!((report.finding, report.claim), (None, Some("verified")));
            assert_eq!((report.unsigned, report.found_unsigned), (0, vec![]));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_genuine_identity_and_a_copied_checkpoint_do_not_make_a_journal() {
    let mut gateway = Gateway::new();
    gateway.run(5).await;
    let (name, lines) = gateway.lines().remove(0);
    let last = seq(lines.last().unwrap());
    let copied = lines.iter().rfind(is_checkpoint).unwrap();
    let bodies = [body(&lines[0]), body(copied), INVENTED, INVENTED];
    for first in [1, last + 100] {
        let forged = chained(bodies, first, &prev(&lines[0]));
        gateway.write(&[(name.clone(), forged)]);
        for report in gateway.reports() {
            assert!(report.finding.is_some(), "{report:?}");
            assert_eq!(report.claim, None);
        }
        // Behind something that was removed, so that the checkpoint may cover what is not there.
        let forged = chained(bodies, first, &hash("anything"));
        gateway.write(&[(name.clone(), forged)]);
        for report in gateway.reports() {
            assert!(report.finding.is_some(), "{report:?}");
        }
    }
    let forged = chained(bodies, last + 100, &prev(&lines[0]));
    gateway.write(&[(name, forged)]);
    gateway.is_found_for_good("numbered above").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_without_signatures_is_not_signed_by_the_next_start() {
    let mut gateway = Gateway::new();
    gateway.run(5).await;
    let (name, lines) = gateway.lines().remove(0);
    let bodies: Vec<String> = lines
        .iter()
        .map(|line| {
            let body = if is_checkpoint(&line) {
                INVENTED
            } else {
                body(line)
            };
            body.replace("\"agent\":\"3\"", "\"agent\":\"z\"")
        })
        .collect();
    let forged = chained(bodies.iter().map(String::as_str), 1, &prev(&lines[0]));
    let count = forged.len() as u64;
    gateway.write(&[(name.clone(), forged.clone())]);
    for report in gateway.reports() {
        assert!(report.finding.is_some(), "{report:?}");
    }
    gateway.is_found_for_good("edited").await;

    // An attacker who writes the store too is not found, but what was not signed is told for good.
    gateway.write(&[(name, forged.clone())]);
    gateway.stored = Head::known(count, &hash(forged.last().unwrap()));
    gateway.run(3).await;
    let [by_key, ..] = gateway.reports();
    let ranges: Vec<(u64, u64)> = by_key
        .found_unsigned
        .iter()
        .map(|found| (found.from, found.to))
        .collect();
    assert_eq!(ranges, [(1, count)], "{by_key:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_is_not_signed_explains_nothing() {
    let mut gateway = Gateway::new();
    gateway.run(60).await;
    let (name, mut lines) = gateway.lines().pop().unwrap();
    let last = lines.last().unwrap().clone();
    let removal = format!(
        r#""time":"2026-11-30T15:00:00.000000Z","kind":"changed","what":"journal.segment_removed","detail":{{"last_hash":"{}"}}}}"#,
        prev(&lines[0])
    );
    lines.extend(chained([removal.as_str()], seq(&last) + 1, &hash(&last)));
    gateway.write(&[(name, lines)]);
    for report in gateway.reports() {
        let finding = report.finding.unwrap();
        assert!(
            finding.problem.contains("cannot be told from a forgery"),
            "{finding:?}"
        );
    }
    gateway.is_found_for_good("removed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_that_is_not_signed_explains_nothing() {
    let mut gateway = Gateway::new();
    gateway.run(8).await;
    let (name, lines) = gateway.lines().remove(0);
    let mut kept = lines[..4].to_vec();
    let end = seq(lines.last().unwrap()) + 5;
    let start = body(&lines[0]).strip_suffix('}').unwrap();
    let start = format!("{start},\"lost\":{{\"from\":5,\"to\":{end}}}}}");
    kept.extend(chained([start.as_str()], end + 1, &hash(&kept[3])));
    gateway.write(&[(name, kept)]);
    for report in gateway.reports() {
        assert!(report.finding.is_some(), "{report:?}");
    }
    gateway.is_found_for_good("lost").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_lines_that_are_cut_are_a_loss_and_an_anchor_of_them_a_finding() {
    let mut gateway = Gateway::new();
    gateway.run(8).await;
    let (name, lines) = gateway.lines().remove(0);
    gateway.write(&[(name, lines[..4].to_vec())]);
    for _ in 0..2 {
        gateway.run(2).await;
        let [by_key, by_anchors, in_place] = gateway.reports();
        for report in [by_key, in_place] {
            assert_eq!(report.finding, None);
            assert_eq!((report.lost.len(), report.lost[0].from), (1, 5));
        }
        let finding = by_anchors.finding.unwrap();
        assert!(
            finding.problem.contains("lost after it was anchored"),
            "{finding:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_over_cannot_be_removed_or_replaced() {
    let mut gateway = Gateway::new();
    let mut opening = gateway.opening();
    opening.numbered_above = 7;
    let journal = opening.open().unwrap();
    let take_over = |text: &str| {
        let mut taking = TakeOver::begin(&gateway.place.path(), &gateway.identity).unwrap();
        let record = OldRecord {
            seq: 7,
            time: Clock::system().stamp(),
            kind: "decided".to_owned(),
            body: format!(r#"{{"agent":"{text}"}}"#),
        };
        taking.add(&record).unwrap();
        taking.finish().unwrap()
    };
    let taken = take_over("old");
    journal.append_signed(taken.record()).await.unwrap();
    gateway.stop(journal).await;
    let found = gateway.reports().map(|report| report.finding);
    assert_eq!(found, [None, None, None]);
    // It may be compressed by now.
    let first = list(&gateway.place.path()).unwrap()[0];
    let file = gateway.place.path().join(first.name());
    let text = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    for report in gateway.reports() {
        assert!(report.finding.unwrap().problem.contains("is gone"));
    }
    take_over_again(&gateway);
    for report in gateway.reports() {
        assert!(report.finding.is_some());
    }
    fs::remove_file(gateway.place.path().join("000000000000.jsonl")).unwrap();
    fs::write(&file, text).unwrap();
    let found = gateway.reports().map(|report| report.finding);
    assert_eq!(found, [None, None, None]);
}

/// Makes a chain of its own that is not the one that was taken over.
fn take_over_again(gateway: &Gateway) {
    let taking = TakeOver::begin(&gateway.place.path(), &gateway.identity).unwrap();
    taking.finish().unwrap();
    let forged = chained([INVENTED], 1, &hash("anything"));
    fs::write(
        gateway.place.path().join("000000000000.jsonl"),
        format!("{}\n", forged[0]),
    )
    .unwrap();
}

async fn summary(directory: &Path, number: u64) -> std::path::PathBuf {
    let file = directory.join(format!("{number:012}.summary.json"));
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    file
}

/// Makes a summary say that its segment is old.
async fn age(directory: &Path, number: u64) {
    let file = summary(directory, number).await;
    let text = fs::read(&file).unwrap();
    let mut summary: serde_json::Value = serde_json::from_slice(&text).unwrap();
    summary["last_time"] = "2020-01-01T00:00:00.000000Z".into();
    fs::write(file, summary.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_summary_that_was_changed_neither_removes_nor_hides_a_segment() {
    let mut gateway = Gateway::new();
    gateway.run(60).await;
    let directory = gateway.place.path();
    summary(&directory, 1).await;
    age(&directory, 1).await;
    gateway.run(1).await;
    assert_eq!(list(&directory).unwrap()[0].number, 1);
    let removed = records(&directory)
        .iter()
        .any(|record| record["what"] == "journal.segment_removed");
    assert!(!removed);

    let trust = Trust {
        since: Some(time::OffsetDateTime::now_utc() - Duration::from_secs(3_600)),
        ..gateway.trust()
    };
    let finding = verify(&directory, &trust).unwrap().finding.unwrap();
    assert!(finding.problem.contains("summary"), "{finding:?}");
    fs::remove_file(directory.join("000000000001.summary.json")).unwrap();
    assert_eq!(verify(&directory, &trust).unwrap().finding, None);
    for segment in &list(&directory).unwrap()[..2] {
        fs::remove_file(directory.join(segment.name())).unwrap();
    }
    assert!(verify(&directory, &trust).unwrap().finding.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_before_a_time_is_left_out_by_its_own_last_line() {
    let mut gateway = Gateway::new();
    gateway.run(60).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let since = time::OffsetDateTime::now_utc();
    gateway.run(60).await;
    let trust = Trust {
        since: Some(since),
        ..gateway.trust()
    };
    let report = verify(&gateway.place.path(), &trust).unwrap();
    assert_eq!((report.finding, report.claim), (None, Some("verified")));
    assert!(report.first_seq > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_by_the_gateway_is_signed_before_anything_goes() {
    let mut gateway = Gateway::new();
    gateway.run(60).await;
    let first = hash(&gateway.lines()[0].1[0]);
    let mut opening = gateway.opening();
    opening.settings.retention = Retention {
        bytes: 1,
        ..Retention::default()
    };
    let journal = opening.open().unwrap();
    while list(&gateway.place.path()).unwrap().len() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // As after `kill -9`: the copy has only what was written by then.
    let by_key = Trust {
        stored: None,
        ..gateway.trust()
    };
    let report = verify(&gateway.place.path(), &by_key).unwrap();
    assert_eq!(report.finding, None);
    gateway.stop(journal).await;
    let found = gateway
        .reports()
        .map(|report| (report.finding, report.claim));
    assert_eq!(found, [(); 3].map(|()| (None, Some("verified"))));
    // Anchors that lie before a signed removal are explained, but they alone prove nothing.
    let old = Trust {
        anchors: vec![Anchor {
            seq: 1,
            hash: first,
        }],
        ..Trust::default()
    };
    assert!(
        verify(&gateway.place.path(), &old)
            .unwrap()
            .finding
            .is_some()
    );
}
