//! The master key: where it comes from, and that a wrong one is found at start.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tollgate::model::secret::Secret;
use tollgate::store::Store;
use tollgate::vault::{
    KeyError, KeySource, MasterKey, Opener, Sealer, next_file, put_in_place, rotate_key, unlock,
};

use super::{draft, master};
use crate::store::Place;

fn opens_each_other(one: &MasterKey, other: &MasterKey) -> bool {
    let sealed = Sealer::new(one)
        .seal(draft("gh"), &mut rand::rng())
        .unwrap();
    Opener::new(other).open(&sealed).is_ok()
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_file_is_made_private_and_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/master.key");
    assert!(matches!(MasterKey::load(&path), Err(KeyError::Missing(_))));
    let made = MasterKey::load_or_create(&path, &mut rand::rng()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
    assert!(opens_each_other(&made, &MasterKey::load(&path).unwrap()));
    assert!(opens_each_other(
        &made,
        &MasterKey::load_or_create(&path, &mut rand::rng()).unwrap()
    ));
    let elsewhere = directory.path().join("other.key");
    assert!(!opens_each_other(
        &made,
        &MasterKey::load_or_create(&elsewhere, &mut rand::rng()).unwrap()
    ));
    assert_eq!(format!("{made:?}"), "MasterKey(..)");
}

#[test]
fn reads_a_key_in_each_form() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let base64 = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
    let key =
        MasterKey::from_secret("x", &Secret::new([vec![0xfb], vec![0xfb; 31]].concat())).unwrap();
    for form in [
        [0xfb; 32].to_vec(),
        "fb".repeat(32).into_bytes(),
        format!("{}\n", "FB".repeat(32)).into_bytes(),
        base64.as_bytes().to_vec(),
        format!("{base64}\r\n").into_bytes(),
        base64
            .replace('+', "-")
            .replace('/', "_")
            .replace('=', "")
            .into_bytes(),
    ] {
        write(&path, &form, 0o600);
        assert!(
            opens_each_other(&key, &MasterKey::load(&path).unwrap()),
            "{form:?}"
        );
    }
}

#[test]
fn refuses_a_key_that_is_none_or_not_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let shown = path.display();
    let check =
        |expected: String| assert_eq!(MasterKey::load(&path).unwrap_err().to_string(), expected);
    for mode in [0o640, 0o604, 0o620, 0o644] {
        write(&path, &[1; 32], mode);
        check(format!(
            "the master key `{shown}` has mode {mode:04o}, others can read it: `chmod 600` it"
        ));
    }
    for length in [0, 1, 31, 33, 43, 44, 64, 1024] {
        write(&path, &vec![b'!'; length], 0o600);
        check(format!(
            "`{shown}` holds no master key: it is 32 bytes, as they are or in base64 or hexadecimal, and has {length}"
        ));
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    check(format!(
        "the master key `{shown}` cannot be used: it is not a file"
    ));
}

fn file(path: &Path) -> KeySource {
    KeySource::NewFile(path.to_owned())
}

#[tokio::test]
async fn a_wrong_key_is_found_at_start() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let (one, other) = (
        place.directory.path().join("one"),
        place.directory.path().join("other"),
    );
    let unlocked = unlock(&store, &file(&one), &mut rand::rng()).await.unwrap();
    let sealed = unlocked.sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
    store.put_credential(&sealed).await.unwrap();
    let again = unlock(&store, &KeySource::File(one.clone()), &mut rand::rng())
        .await
        .unwrap();
    again.opener.open(&sealed).unwrap();

    write(&other, &[9; 32], 0o600);
    let error = unlock(&store, &file(&other), &mut rand::rng())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the master key is not the one that this store's credentials are sealed under"
    );

    // A lost key is not replaced behind the operator's back.
    std::fs::remove_file(&one).unwrap();
    let error = unlock(&store, &file(&one), &mut rand::rng())
        .await
        .unwrap_err();
    assert_eq!(error, KeyError::Missing(one.display().to_string()));
    assert!(!one.exists());

    // Nor does forgetting which key it was let another one in.
    let mut raw = place.raw().await;
    sqlx::raw_sql("DELETE FROM meta WHERE key = 'vault.key_check'")
        .execute(&mut raw)
        .await
        .unwrap();
    let error = unlock(&store, &file(&other), &mut rand::rng())
        .await
        .unwrap_err();
    assert_eq!(error, KeyError::WrongKey);
    sqlx::raw_sql("INSERT INTO meta VALUES ('vault.key_check', '!')")
        .execute(&mut raw)
        .await
        .unwrap();
    let error = unlock(&store, &file(&other), &mut rand::rng())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store's `vault.key_check` cannot be read: the row was changed"
    );
}

#[tokio::test]
async fn a_passphrase_gives_the_same_key_in_the_same_store_only() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let passphrase = |text: &str| KeySource::Passphrase(Secret::from(text.to_owned()));
    let right = passphrase("correct horse battery");
    let unlocked = unlock(&store, &right, &mut rand::rng()).await.unwrap();
    let sealed = unlocked.sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
    unlock(&store, &right, &mut rand::rng())
        .await
        .unwrap()
        .opener
        .open(&sealed)
        .unwrap();
    let error = unlock(
        &store,
        &passphrase("correct horse batterY"),
        &mut rand::rng(),
    )
    .await
    .unwrap_err();
    assert_eq!(error, KeyError::WrongKey);
    let error = unlock(&store, &passphrase("short"), &mut rand::rng())
        .await
        .unwrap_err();
    assert_eq!(error, KeyError::ShortPassphrase);

    let other_place = Place::new();
    let elsewhere = Store::create(&other_place.url).await.unwrap();
    let other = unlock(&elsewhere, &right, &mut rand::rng()).await.unwrap();
    assert!(other.opener.open(&sealed).is_err());
}

#[tokio::test]
async fn a_variable_is_named_when_it_holds_no_key() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let value = Secret::from("not a key, but secret".to_owned());
    let source = KeySource::Variable {
        name: "MASTER".to_owned(),
        value,
    };
    let error = unlock(&store, &source, &mut rand::rng())
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the variable `MASTER` holds no master key: it is 32 bytes, as they are or in base64 or hexadecimal, and has 21"
    );
    let value = Secret::from("01".repeat(32));
    let source = KeySource::Variable {
        name: "MASTER".to_owned(),
        value,
    };
    let unlocked = unlock(&store, &source, &mut rand::rng()).await.unwrap();
    let sealed = Sealer::new(&master(1))
        .seal(draft("gh"), &mut rand::rng())
        .unwrap();
    unlocked.opener.open(&sealed).unwrap();
}

async fn opens(store: &Store, source: &KeySource) -> Result<(), KeyError> {
    unlock(store, source, &mut rand::rng()).await.map(drop)
}

async fn row(store: &Store) -> [Option<String>; 2] {
    [
        store.meta("vault.key_check").await.unwrap(),
        store.meta("vault.data_key").await.unwrap(),
    ]
}

#[tokio::test]
async fn another_master_key_opens_everything_and_the_one_before_nothing() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let (one, two) = (
        file(&place.directory.path().join("one")),
        file(&place.directory.path().join("two")),
    );
    let running = unlock(&store, &one, &mut rand::rng()).await.unwrap();
    let sealed = running.sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
    store.put_credential(&sealed).await.unwrap();
    let before = row(&store).await;
    rotate_key((&store, &store), (&one, &two), &mut rand::rng())
        .await
        .unwrap();
    assert_ne!(row(&store).await, before);
    assert_eq!(opens(&store, &one).await, Err(KeyError::WrongKey));
    let after = unlock(&store, &two, &mut rand::rng()).await.unwrap();
    after
        .opener
        .open(&store.credentials().await.unwrap()[0])
        .unwrap();
    // A gateway that runs goes on, both ways.
    let later = running
        .sealer
        .seal(draft("later"), &mut rand::rng())
        .unwrap();
    after.opener.open(&later).unwrap();
    assert_eq!(
        rotate_key((&store, &store), (&two, &two), &mut rand::rng()).await,
        Err(KeyError::SameKey)
    );
}

#[tokio::test]
async fn a_rotation_with_a_wrong_key_or_a_changed_row_changes_nothing() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let path = |name: &str| place.directory.path().join(name);
    let (one, two) = (file(&path("one")), file(&path("two")));
    opens(&store, &one).await.unwrap();
    write(&path("wrong"), &[9; 32], 0o600);
    let before = row(&store).await;
    let rotate = async |from: &KeySource, to: &KeySource| {
        rotate_key((&store, &store), (from, to), &mut rand::rng()).await
    };
    assert_eq!(
        rotate(&file(&path("wrong")), &two).await,
        Err(KeyError::WrongKey)
    );
    let short = KeySource::Passphrase(Secret::from("short".to_owned()));
    assert_eq!(rotate(&one, &short).await, Err(KeyError::ShortPassphrase));
    assert_eq!(row(&store).await, before);
    opens(&store, &one).await.unwrap();
    let whole = before[1].clone().unwrap();
    let mut flipped = whole.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    store.put_meta("vault.data_key", &flipped).await.unwrap();
    let named = Err(KeyError::BadMeta("vault.data_key"));
    assert_eq!(opens(&store, &one).await, named);
    assert_eq!(rotate(&one, &two).await, named);
    assert_eq!(store.meta("vault.data_key").await.unwrap(), Some(flipped));
    // A key that is gone is not made again: what is sealed under it would be lost.
    let mut raw = place.raw().await;
    sqlx::raw_sql("DELETE FROM meta WHERE key = 'vault.data_key'")
        .execute(&mut raw)
        .await
        .unwrap();
    assert_eq!(opens(&store, &one).await, named);
    store.put_meta("vault.data_key", &whole).await.unwrap();
    opens(&store, &one).await.unwrap();
}

/// Every state in which a rotation of a key file can be cut off.
#[tokio::test]
async fn wherever_a_rotation_is_cut_off_the_vault_opens_and_the_next_start_finishes_it() {
    for reached in ["key made", "row written", "old key moved", "done"] {
        let place = Place::new();
        let store = Store::create(&place.url).await.unwrap();
        let path = place.directory.path().join("master.key");
        let source = KeySource::File(path.clone());
        let unlocked = unlock(&store, &file(&path), &mut rand::rng())
            .await
            .unwrap();
        let sealed = unlocked.sealer.seal(draft("gh"), &mut rand::rng()).unwrap();
        let next = next_file(&path);
        MasterKey::load_or_create(&next, &mut rand::rng()).unwrap();
        let fresh = std::fs::read(&next).unwrap();
        if reached != "key made" {
            let to = KeySource::File(next.clone());
            rotate_key((&store, &store), (&source, &to), &mut rand::rng())
                .await
                .unwrap();
        }
        match reached {
            "old key moved" => {
                std::fs::rename(&path, place.directory.path().join("master.key.previous")).unwrap();
            }
            "done" => put_in_place(&path).unwrap(),
            _ => {}
        }
        for _ in 0..2 {
            let again = unlock(&store, &source, &mut rand::rng()).await;
            let again = again.unwrap_or_else(|error| panic!("{reached}: {error}"));
            again.opener.open(&sealed).unwrap();
        }
        let is_new = std::fs::read(&path).unwrap() == fresh;
        assert_eq!(is_new, reached != "key made", "{reached}");
        assert_eq!(next.exists(), reached == "key made", "{reached}");
    }
}

#[tokio::test]
async fn what_a_build_before_has_sealed_opens_and_outlives_a_rotation() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let variable = |byte: u8| KeySource::Variable {
        name: "MASTER".to_owned(),
        value: Secret::new(vec![byte; 32]),
    };
    // Under the master key itself.
    let older = Sealer::new(&master(1))
        .seal(draft("gh"), &mut rand::rng())
        .unwrap();
    store.put_credential(&older).await.unwrap();
    let unlocked = unlock(&store, &variable(1), &mut rand::rng())
        .await
        .unwrap();
    unlocked.opener.open(&older).unwrap();
    rotate_key(
        (&store, &store),
        (&variable(1), &variable(2)),
        &mut rand::rng(),
    )
    .await
    .unwrap();
    let row = &store.credentials().await.unwrap()[0];
    let after = unlock(&store, &variable(2), &mut rand::rng())
        .await
        .unwrap();
    after.opener.open(row).unwrap();
    assert!(
        unlocked.opener.holds_same(&older, row),
        "a gateway that runs keeps its tokens"
    );
    assert!(Opener::new(&master(1)).open(row).is_err());
}
