//! Whatever is changed in a journal afterwards, `verify` names the first line that is not as it was written.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate::journal::{Anchor, Report, Signer, Trust, fingerprint, list, verify};

use super::{Place, allowed};

/// Numbers that are the same in every run: xorshift64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// A signed journal of a few segments, and what an outsider knows of it.
struct Written {
    place: Place,
    key: String,
    anchors: Vec<Anchor>,
    /// As the store of a gateway that was stopped.
    stored: Anchor,
}

async fn written(name: &str) -> Written {
    let place = Place::new();
    let signer = Signer::new(&Signer::generate().unwrap()).unwrap();
    let key = fingerprint(&signer.public_key());
    let mut opening = place.opening();
    opening.identity.public_key = signer.public_key();
    opening.signer = Some(signer);
    opening.settings.segment.bytes = 6_000;
    opening.settings.checkpoint.records = 10;
    let journal = opening.open().unwrap();
    let checkpoints = journal.checkpoints();
    for number in 0..40 {
        let agent = format!("{name}-{number}");
        journal.append(&allowed(&agent)).await.unwrap();
    }
    journal.close().await;
    let last = checkpoints.borrow().clone().unwrap();
    let anchor = Anchor {
        seq: last.head.seq,
        hash: tollgate::model::hex::hex(&last.head.hash),
    };
    let head = journal.head();
    Written {
        place,
        key,
        anchors: vec![anchor],
        stored: Anchor {
            seq: head.seq,
            hash: tollgate::model::hex::hex(&head.hash),
        },
    }
}

impl Written {
    fn trust(&self) -> Trust {
        Trust {
            key: Some(self.key.clone()),
            anchors: self.anchors.clone(),
            stored: Some(self.stored.clone()),
            since: None,
            ..Trust::default()
        }
    }

    fn verify(&self) -> Report {
        verify(&self.place.path(), &self.trust()).unwrap()
    }
}

/// Plain copies of all segments, so that every edit is one of text.
fn unpacked(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for segment in list(directory).unwrap() {
        let text = segment.read(directory).unwrap();
        let _ = fs::remove_file(directory.join(segment.name()));
        let file = directory.join(format!("{:012}.jsonl", segment.number));
        let _ = fs::remove_file(directory.join(format!("{:012}.summary.json", segment.number)));
        fs::write(&file, &text).unwrap();
        files.push((file, text));
    }
    files
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Makes one edit; returns the number of the first line that is not as it was, from 1. `None` where it is a cut at the end.
fn edit(text: &[u8], random: &mut Random) -> (Vec<u8>, usize) {
    let mut all = lines(text);
    let at = random.below(all.len());
    match random.below(5) {
        0 => {
            let line = &mut all[at];
            let byte = random.below(line.len());
            line[byte] ^= 1 << random.below(8);
        }
        1 => {
            all.remove(at);
        }
        2 => {
            let copy = all[random.below(all.len())].clone();
            all.insert(at, copy);
        }
        3 => {
            let other = (at + 1) % all.len();
            all.swap(at, other);
        }
        _ => {
            let keep = random.below(all[at].len());
            all[at].truncate(keep);
            all.truncate(at + 1);
        }
    }
    (all.concat(), at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_random_edits_are_all_found() {
    let written = written("a").await;
    assert_eq!(written.verify().finding, None);
    let directory = written.place.path();
    let files = unpacked(&directory);
    assert!(files.len() > 2, "{}", files.len());
    let whole = written.verify();
    assert_eq!((whole.finding, whole.claim), (None, Some("verified")));
    let mut random = Random(7);
    let mut edits = 0;
    while edits < 1_000 {
        let (file, text) = &files[random.below(files.len())];
        let (changed, first) = edit(text, &mut random);
        if changed == *text {
            continue;
        }
        edits += 1;
        fs::write(file, &changed).unwrap();
        let finding = written.verify().finding;
        fs::write(file, text).unwrap();
        let finding =
            finding.unwrap_or_else(|| panic!("edit {edits} of line {first} is not found"));
        // Whatever comes before the edit is good, and what comes after it is not reached.
        let same = text
            .iter()
            .zip(&changed)
            .take_while(|(a, b)| a == b)
            .count();
        let good = lines(&text[..same])
            .iter()
            .filter(|line| line.ends_with(b"\n"))
            .count();
        let name = file.file_name().unwrap().to_str().unwrap();
        let number = files.iter().position(|(other, _)| other == file).unwrap();
        let next = files
            .get(number + 1)
            .and_then(|(file, _)| file.file_name()?.to_str());
        if finding.file == name {
            if let Some(line) = finding.line {
                let line = usize::try_from(line).unwrap();
                assert!(
                    (good + 1..=good + 2).contains(&line),
                    "{finding:?} after {good} good lines"
                );
            }
        } else {
            // A change of the last line, or a cut at a line's end, is seen by the line that follows it.
            assert_eq!(Some(finding.file.as_str()), next, "{finding:?}");
            assert_eq!(finding.line, Some(1), "{finding:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_a_summary_and_a_key_of_another_journal_are_found() {
    let written = written("a").await;
    let other = self::written("b").await;
    let (here, there) = (written.place.path(), other.place.path());
    // A summary that says something else would hide records from a query.
    let summary = here.join("000000000002.summary.json");
    while !summary.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let text = fs::read_to_string(&summary).unwrap();
    fs::write(&summary, text.replace("a-", "z-")).unwrap();
    let finding = written.verify().finding.unwrap();
    assert!(finding.problem.contains("summary"), "{finding:?}");
    fs::write(&summary, text).unwrap();
    assert_eq!(written.verify().finding, None);

    let ours = unpacked(&here);
    let theirs = unpacked(&there);
    fs::write(&ours[1].0, &theirs[1].1).unwrap();
    let finding = written.verify().finding.unwrap();
    assert_eq!(
        (finding.file.as_str(), finding.line),
        ("000000000002.jsonl", Some(1))
    );
    fs::write(&ours[1].0, &ours[1].1).unwrap();

    let key = fs::read(here.join("key.pub")).unwrap();
    fs::copy(there.join("key.pub"), here.join("key.pub")).unwrap();
    assert!(written.verify().finding.is_some());
    fs::write(here.join("key.pub"), key).unwrap();
    assert_eq!(written.verify().finding, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_an_outsider_can_know_is_claimed_only_with_one() {
    let written = written("a").await;
    let other = self::written("b").await;
    let (here, there) = (written.place.path(), other.place.path());
    unpacked(&here);
    // Everything replaced, key and all: it fits together, and no more is claimed.
    fs::remove_dir_all(&here).unwrap();
    fs::create_dir(&here).unwrap();
    for entry in fs::read_dir(&there).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), here.join(entry.file_name())).unwrap();
    }
    let alone = verify(&here, &Trust::default()).unwrap();
    assert_eq!(
        (alone.finding, alone.claim),
        (None, Some("self-consistent only"))
    );
    let by_key = Trust {
        key: Some(written.key.clone()),
        ..Trust::default()
    };
    assert!(verify(&here, &by_key).unwrap().finding.is_some());
    let by_anchor = Trust {
        anchors: written.anchors.clone(),
        ..Trust::default()
    };
    assert!(verify(&here, &by_anchor).unwrap().finding.is_some());

    // Lines at the end can be cut; an anchor, or the store, knows of them.
    let (file, text) = unpacked(&there).pop().unwrap();
    let mut all = lines(&text);
    all.pop();
    fs::write(&file, all.concat()).unwrap();
    let alone = verify(&there, &Trust::default()).unwrap();
    assert_eq!(
        (alone.finding, alone.claim),
        (None, Some("self-consistent only"))
    );
    let stored = Trust {
        stored: Some(Anchor {
            seq: alone.last_seq + 1,
            hash: String::new(),
        }),
        ..Trust::default()
    };
    assert!(verify(&there, &stored).unwrap().finding.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_made_anew_does_not_get_past_a_signature() {
    let written = written("a").await;
    let files = unpacked(&written.place.path());
    // An attacker who can write the files changes one record and chains everything behind it again.
    let mut before: Option<Vec<u8>> = None;
    for (file, text) in &files {
        let mut chained = Vec::new();
        for line in lines(text) {
            let mut line = String::from_utf8(line)
                .unwrap()
                .replace("\"a-3\"", "\"z-3\"");
            if let Some(before) = &before {
                let hash = tollgate::journal::Abridged::of(before).sha256;
                let start = line.find("\"prev\":\"").unwrap() + 8;
                line.replace_range(start..start + 64, &hash);
            }
            before = Some(line.trim_end().as_bytes().to_vec());
            chained.extend(line.into_bytes());
        }
        fs::write(file, chained).unwrap();
    }
    let alone = verify(&written.place.path(), &Trust::default()).unwrap();
    let finding = alone.finding.unwrap();
    assert!(finding.problem.contains("checkpoint"), "{finding:?}");
}
