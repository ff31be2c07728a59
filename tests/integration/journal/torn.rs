//! Files as a power cut, a log rotation or a mistake leaves them: a start keeps what is there, and says what is not.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use tollgate::journal::{Head, Journal, JournalError, Known, Trust, verify};

use super::{Place, allowed};

/// A journal of five requests that was stopped, and its newest line.
async fn stopped() -> (Place, Head) {
    let place = Place::new();
    let journal = place.open();
    for number in 0..5 {
        journal.append(&allowed(&number.to_string())).await.unwrap();
    }
    journal.close().await;
    let head = journal.head();
    (place, head)
}

fn start(place: &Place, known: Head) -> Journal {
    let mut opening = place.opening();
    opening.known = Known {
        lines: vec![("store".to_owned(), known)],
        ..Known::default()
    };
    opening.open().unwrap()
}

/// What became of the first segment's bytes.
type Torn<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

const FIRST: &str = "000000000001.jsonl";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_goes_on_behind_the_last_record_that_is_whole() {
    // The end of the first segment, what the next ones hold, and how many requests are left.
    let cases: [(&str, Torn<'_>, &[&[u8]], usize); 6] = [
        (
            "two empty segments",
            &|text: &[u8]| text.to_vec(),
            &[b"", b""],
            5,
        ),
        (
            "an older one torn",
            &|text: &[u8]| text[..text.len() - 40].to_vec(),
            &[b""],
            5,
        ),
        (
            "two lines lost",
            &|text: &[u8]| text[..text.len() - 300].to_vec(),
            &[b"", b""],
            4,
        ),
        ("all of it lost", &|_: &[u8]| Vec::new(), &[b"", b""], 0),
        (
            "zeros with a line's end",
            &|text: &[u8]| [text, &[0; 50], b"\n", &[0; 20]].concat(),
            &[],
            5,
        ),
        (
            "zeros in the next one",
            &|text: &[u8]| text.to_vec(),
            &[&[0; 4096]],
            5,
        ),
    ];
    for (what, end, next, left) in cases {
        let (place, known) = stopped().await;
        let file = place.path().join(FIRST);
        let text = fs::read(&file).unwrap();
        fs::write(&file, end(&text)).unwrap();
        for (number, text) in next.iter().enumerate() {
            let name = format!("{:012}.jsonl", number + 2);
            fs::write(place.path().join(name), text).unwrap();
        }
        let journal = start(&place, known);
        journal.append(&allowed("after")).await.unwrap();
        journal.close().await;
        assert_eq!(place.agents().len(), left + 1, "{what}");
        let report = verify(&place.path(), &Trust::default()).unwrap();
        assert_eq!(report.finding, None, "{what}");
        let lost: u64 = report.lost.iter().map(|lost| lost.to + 1 - lost.from).sum();
        // The start, five requests and a checkpoint; now a start, a request and a checkpoint.
        assert_eq!(report.lines + lost, 7 + 3, "{what}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_under_a_name_that_is_not_quite_a_segments_is_none() {
    let (place, known) = stopped().await;
    fs::write(place.path().join("0000000000002.jsonl"), b"").unwrap();
    start(&place, known).close().await;
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newest_segment_that_does_not_decompress_is_no_reason_not_to_start() {
    let (place, known) = stopped().await;
    let bad = place.path().join("000000000002.jsonl.zst");
    fs::write(&bad, [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    start(&place, known).close().await;
    let finding = verify(&place.path(), &Trust::default()).unwrap().finding;
    assert!(finding.unwrap().problem.contains("does not read"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_is_refused_by_name_and_blocks_nobody() {
    let (place, _) = stopped().await;
    let special = place.path().join("000000000002.jsonl");
    let directory = || fs::create_dir(&special).unwrap();
    let socket = || drop(UnixListener::bind(&special).unwrap());
    let pipe = || {
        let made = std::process::Command::new("mkfifo").arg(&special).status();
        assert!(made.unwrap().success());
    };
    let makers: [&dyn Fn(); 3] = [&directory, &socket, &pipe];
    for make in makers {
        make();
        let error = place.opening().open().unwrap_err().to_string();
        assert!(error.contains("000000000002.jsonl"), "{error}");
        match verify(&place.path(), &Trust::default()) {
            Ok(report) => assert_eq!(report.finding.unwrap().file, "000000000002.jsonl"),
            Err(error) => assert!(error.to_string().contains("000000000002"), "{error}"),
        }
        if fs::remove_file(&special).is_err() {
            fs::remove_dir(&special).unwrap();
        }
    }
}

/// Appends until the file was looked for, which happens once a second.
async fn until(journal: &Journal, done: impl Fn(&Result<(), JournalError>) -> bool) {
    let appends = async {
        while !done(&journal.append(&allowed("b")).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), appends)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_is_removed_while_it_is_written_is_put_back_whole() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&allowed("a")).await.unwrap();
    let file = place.path().join(FIRST);
    for moved in [false, true] {
        if moved {
            fs::rename(&file, place.path().join("rotated")).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        until(&journal, |_| file.exists()).await;
    }
    // A stop looks too.
    fs::remove_file(&file).unwrap();
    journal.close().await;
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!((report.finding, report.first_seq), (None, 1));
    assert_eq!(report.last_seq, journal.head().seq);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_is_replaced_or_cut_while_it_is_written_refuses() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&allowed("a")).await.unwrap();
    let file = place.path().join(FIRST);
    let aside = place.path().join("aside");
    fs::rename(&file, &aside).unwrap();
    fs::write(&file, b"").unwrap();
    until(&journal, Result::is_err).await;
    assert!(!journal.is_healthy());
    fs::rename(&aside, &file).unwrap();
    until(&journal, Result::is_ok).await;
    let report = verify(&place.path(), &Trust::default()).unwrap();
    assert_eq!(report.finding, None);

    let length = fs::metadata(&file).unwrap().len();
    let open = fs::OpenOptions::new().write(true).open(&file).unwrap();
    open.set_len(length / 2).unwrap();
    until(&journal, Result::is_err).await;
    // Nothing is filled in.
    assert_eq!(fs::metadata(&file).unwrap().len(), length / 2);
    journal.close().await;
}
