//! Pushes with packs: whether the new commit descends from the old one is seen in the pack, and nowhere else.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use http::HeaderMap;
use sha1::{Digest as _, Sha1};
use tollgate::connector::{Reading, Unreadable};

use super::{routes, target};

/// The commit that the remote has.
const OLD: &str = "00000000000000000000000000000000000000aa";

/// A commit with a parent.
fn commit(parent: &str, message: &str) -> String {
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    format!(
        "tree {tree}\nparent {parent}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\n{message}\n"
    )
}

fn id(commit: &str) -> String {
    let hash = Sha1::digest(format!("commit {}\0{commit}", commit.len()));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Type and size of an object, as packs have them.
fn head(kind: u8, size: usize) -> Vec<u8> {
    let mut head = vec![(kind << 4) | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *head.last_mut().unwrap() |= 0x80;
        head.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    head
}

fn varint(mut size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while size > 0x7f {
        bytes.push(0x80 | (size & 0x7f) as u8);
        size >>= 7;
    }
    bytes.push(size as u8);
    bytes
}

fn pack(objects: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(objects.len()).unwrap();
    let front = [&b"PACK"[..], &2_u32.to_be_bytes(), &count.to_be_bytes()].concat();
    [front, objects.concat(), vec![0; 20]].concat()
}

fn whole(commit: &str) -> Vec<u8> {
    [head(1, commit.len()), deflate(commit.as_bytes())].concat()
}

/// Pushes `OLD` to `new` on `refs/heads/main`; returns whether it may drop commits.
fn forced(new: &str, pack: &[u8]) -> Result<bool, Unreadable> {
    let catalog = routes("  - { action: push, match: POST /git-receive-pack, git: true }\n");
    let target = target("POST https://api.test/git-receive-pack").unwrap();
    let place = catalog.locate(&target.authority, &target.path).unwrap();
    let command = format!("{OLD} {new} refs/heads/main\0report-status\n");
    let line = format!("{:04x}{command}0000", command.len() + 4);
    let body = [line.as_bytes(), pack].concat();
    let reading = Reading {
        target: &target,
        headers: &HeaderMap::new(),
        body: Some(&body),
        catalog: &catalog,
    };
    let candidates = place.candidates(&target.method, &target.query);
    let understood = candidates.understand(&reading)?;
    let force = understood.actions[0].params.get("force").unwrap();
    Ok(*force == tollgate::model::value::Value::Bool(true))
}

#[test]
fn a_push_whose_pack_leads_to_the_old_commit_is_not_forced() {
    let first = commit(OLD, "first");
    let second = commit(&id(&first), "second");
    let both = pack(&[whole(&second), whole(&first)]);
    assert_eq!(forced(&id(&second), &both), Ok(false));
    assert_eq!(forced(&id(&second), &pack(&[whole(&second)])), Ok(true));
    let elsewhere = commit("00000000000000000000000000000000000000bb", "other");
    assert_eq!(
        forced(&id(&elsewhere), &pack(&[whole(&elsewhere)])),
        Ok(true)
    );
}

#[test]
fn a_pack_cannot_claim_what_a_commit_does_not_say() {
    // The id of one commit, and the content of another.
    let good = commit(OLD, "good");
    let other = commit("00000000000000000000000000000000000000bb", "other");
    assert_eq!(forced(&id(&other), &pack(&[whole(&good)])), Ok(true));
    // What looks like a parent in the message.
    let text = commit(
        "00000000000000000000000000000000000000bb",
        &format!("parent {OLD}"),
    );
    assert_eq!(forced(&id(&text), &pack(&[whole(&text)])), Ok(true));
}

#[test]
fn a_parent_counts_only_where_git_reads_it() {
    let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let people = "author A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n";
    let other = "parent 00000000000000000000000000000000000000bb\n";
    for headers in [
        // Behind the committer: `git fsck` has nothing against it, and history ends here.
        format!("tree {tree}\n{people}parent {OLD}\n"),
        format!("tree {tree}\nauthor A <a@b> 0 +0000\nparent {OLD}\ncommitter A <a@b> 0 +0000\n"),
        format!("tree {tree}\n{other}{people}parent {OLD}\n"),
        format!("tree {tree}\n{people}gpgsig x\n parent {OLD}\nparent {OLD}\n"),
        format!("parent {OLD}\ntree {tree}\n{people}"),
        format!("tree {tree}\n\nparent {OLD}\n{people}"),
        format!("tree {tree}\nparent {OLD} \n{people}"),
        format!("tree {tree}\r\nparent {OLD}\n{people}"),
    ] {
        let made = format!("{headers}\nm\n");
        assert_eq!(
            forced(&id(&made), &pack(&[whole(&made)])),
            Ok(true),
            "{made}"
        );
    }
    for headers in [
        format!("tree {tree}\nparent {OLD}\n{people}"),
        format!("tree {tree}\n{other}parent {OLD}\n{people}"),
        format!("tree {tree}\nparent {}\n{people}", OLD.to_uppercase()),
    ] {
        let made = format!("{headers}\nm\n");
        assert_eq!(
            forced(&id(&made), &pack(&[whole(&made)])),
            Ok(false),
            "{made}"
        );
    }
}

#[test]
fn reads_commits_that_are_kept_as_differences() {
    let base = commit(OLD, "base");
    let made = base.replacen("base", "made", 1);
    let end = base.len() - "base\n".len();
    let mut delta = [varint(base.len()), varint(made.len())].concat();
    // Copy from 0, two bytes of length; then five bytes of text.
    delta.extend([0x80 | 0x10 | 0x20, (end & 0xff) as u8, (end >> 8) as u8, 5]);
    delta.extend(b"made\n");
    let first = whole(&base);
    // How far before the base lies: seven bits a byte, the most significant first, a further byte adding one.
    let distance = first.len();
    let offset = match distance {
        0..=127 => vec![distance as u8],
        _ => vec![0x80 | ((distance >> 7) - 1) as u8, (distance & 0x7f) as u8],
    };
    let object = [head(6, delta.len()), offset, deflate(&delta)].concat();
    assert_eq!(forced(&id(&made), &pack(&[first, object])), Ok(false));
}

#[test]
fn a_pack_that_cannot_be_read_shows_nothing() {
    let first = commit(OLD, "first");
    let good = pack(&[whole(&first)]);
    for end in 0..good.len() {
        if end == 0 || end >= 4 {
            // Any answer but a panic; a cut pack never shows more than the whole one.
            let cut = forced(&id(&first), &good[..end]);
            assert!(cut.is_ok(), "cut at {end}");
        }
    }
    let mut bomb = pack(&[]);
    bomb.truncate(12);
    bomb.extend(head(1, usize::MAX >> 8));
    bomb.extend(deflate(&vec![0; 1 << 20]));
    assert_eq!(forced(&id(&first), &bomb), Ok(true));
}
