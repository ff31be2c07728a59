//! The store from outside: files, faults, and what two processes see of each other.

mod rows;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tollgate::store::{
    Store, StoreError, StoreOptions, StoredAgent, StoredToken, UnrecordedChange,
};

/// A directory that goes away, and a store in it.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) url: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite:{}",
            directory.path().join("state/tollgate.db").display()
        );
        Self { directory, url }
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("state/tollgate.db")
    }

    /// A connection past our code, as an attacker or another program has it.
    pub(crate) async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.file())
            .connect()
            .await
            .unwrap()
    }
}

pub(crate) fn agent(name: &str, token: u8) -> StoredAgent {
    StoredAgent {
        name: name.to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "payments".to_owned())]),
        tokens: vec![StoredToken {
            hash: [token; 32],
            expires_at: None,
            ..StoredToken::default()
        }],
        created_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

const IMPATIENT: StoreOptions = StoreOptions {
    busy_timeout: Duration::from_millis(20),
};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn opening_never_creates() {
    let place = Place::new();
    let error = Store::open(&place.url).await.unwrap_err();
    assert_eq!(
        error,
        StoreError::Missing(place.file().display().to_string())
    );
    assert!(!place.directory.path().join("state").exists());
}

#[tokio::test]
async fn creates_a_private_file_in_a_private_directory() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.put_meta("key", "value").await.unwrap();
    assert_eq!(mode(place.file().parent().unwrap()), 0o700);
    for entry in std::fs::read_dir(place.file().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(name.starts_with("tollgate.db"), "left behind: {name}");
        assert_eq!(mode(&entry.path()), 0o600, "{name}");
    }
}

#[tokio::test]
async fn creating_again_keeps_what_is_there() {
    let place = Place::new();
    Store::create(&place.url)
        .await
        .unwrap()
        .add_agent(&agent("devops", 1))
        .await
        .unwrap();
    let store = Store::create(&place.url).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [agent("devops", 1)]);
}

#[tokio::test]
async fn two_that_create_at_once_get_one_store() {
    let place = Place::new();
    let (one, other) = tokio::join!(Store::create(&place.url), Store::create(&place.url));
    one.unwrap().add_agent(&agent("devops", 1)).await.unwrap();
    assert_eq!(other.unwrap().agents().await.unwrap().len(), 1);
}

#[tokio::test]
async fn refuses_urls_that_it_does_not_know_without_showing_them() {
    let check = async |url: &str, expected: &str| {
        assert_eq!(Store::create(url).await.unwrap_err().to_string(), expected);
    };
    let later = "`postgres://` stores are not supported yet: use `sqlite:<path>`";
    check("postgres://ada:hunter22@db/tollgate", later).await;
    check(
        "mysql://a:b@c",
        "the store url has the unknown scheme `mysql`: it is `sqlite:<path>`",
    )
    .await;
    check(
        "tollgate.db",
        "the store url has no scheme: it is `sqlite:<path>`",
    )
    .await;
    check(
        "sqlite:",
        "the store url names no file: it is `sqlite:<path>`",
    )
    .await;
    let memory = "the store url names a store in memory, which would not outlive the gateway: it is `sqlite:<path>`";
    check("sqlite::memory:", memory).await;
    let options =
        "the store url has options or a NUL, which are not supported: it is `sqlite:<path>`";
    check("sqlite:a.db?mode=ro", options).await;
}

#[tokio::test]
async fn tells_a_damaged_file_from_a_foreign_one() {
    let place = Place::new();
    std::fs::create_dir(place.file().parent().unwrap()).unwrap();
    std::fs::write(
        place.file(),
        "this is no database, but long enough to be looked at ".repeat(40),
    )
    .unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");

    std::fs::write(place.file(), "").unwrap();
    let error = Store::create(&place.url).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign(_)), "{error}");

    std::fs::remove_file(place.file()).unwrap();
    std::fs::create_dir(place.file()).unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn refuses_a_store_of_a_later_version() {
    let place = Place::new();
    Store::create(&place.url).await.unwrap().close().await;
    let mut raw = place.raw().await;
    sqlx::query("UPDATE meta SET value = '7' WHERE key = 'schema_version'")
        .execute(&mut raw)
        .await
        .unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    assert_eq!(
        error,
        StoreError::Newer {
            path: place.file().display().to_string(),
            found: 7,
            known: 5
        }
    );
}

#[tokio::test]
async fn a_store_of_an_earlier_version_is_brought_up_by_the_gateway_alone() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.add_agent(&agent("devops", 1)).await.unwrap();
    store.close().await;
    let mut raw = place.raw().await;
    sqlx::raw_sql("DROP TABLE policy; DROP TABLE halt; DROP TABLE pin; DROP TABLE unrecorded; ALTER TABLE credential DROP COLUMN placement; ALTER TABLE agent_token DROP COLUMN created_at; ALTER TABLE agent_token DROP COLUMN used_at; UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        .execute(&mut raw)
        .await
        .unwrap();
    let error = Store::open(&place.url).await.unwrap_err();
    let older = StoreError::Older {
        path: place.file().display().to_string(),
        found: 1,
        known: 5,
    };
    assert_eq!(error, older);
    let store = Store::create(&place.url).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [agent("devops", 1)]);
    assert_eq!(store.halts().await.unwrap(), []);
    store.close().await;
    assert!(Store::open(&place.url).await.is_ok());
}

#[tokio::test]
async fn says_that_another_process_holds_the_lock() {
    let place = Place::new();
    Store::create(&place.url).await.unwrap().close().await;
    let locked = StoreError::Locked(place.file().display().to_string());

    // A writer that does not finish: reading goes on, writing and starting do not.
    let mut raw = place.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE meta SET value = value")
        .execute(&mut raw)
        .await
        .unwrap();
    let store = Store::open_with(&place.url, IMPATIENT).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), []);
    assert_eq!(
        store.add_agent(&agent("devops", 1)).await.unwrap_err(),
        locked
    );
    assert_eq!(store.put_meta("key", "value").await.unwrap_err(), locked);
    assert_eq!(
        Store::create_with(&place.url, IMPATIENT).await.unwrap_err(),
        locked
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();
    store.add_agent(&agent("devops", 1)).await.unwrap();
    store.close().await;
    raw.close().await.unwrap();

    // A program that wants the file for itself.
    let mut raw = place.raw().await;
    let alone = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE meta SET value = value";
    sqlx::raw_sql(alone).execute(&mut raw).await.unwrap();
    assert_eq!(
        Store::open_with(&place.url, IMPATIENT).await.unwrap_err(),
        locked
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named_read_only() {
    let place = Place::new();
    Store::create(&place.url).await.unwrap().close().await;
    std::fs::set_permissions(place.file(), std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new()
        .append(true)
        .open(place.file())
        .is_ok()
    {
        return; // Root writes whatever it likes.
    }
    let error = Store::create(&place.url).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error}");
}

#[tokio::test]
async fn what_one_process_writes_the_other_reads() {
    let place = Place::new();
    let gateway = Store::create(&place.url).await.unwrap();
    let command = Store::open(&place.url).await.unwrap();
    let before = gateway.revision().await.unwrap();
    let writer = async {
        for number in 0..50 {
            let change = UnrecordedChange {
                id: 0,
                time: "2026-01-01T00:00:00Z".to_owned(),
                operator: "ada".to_owned(),
                what: "agent.add".to_owned(),
                subject: number.to_string(),
                ..UnrecordedChange::default()
            };
            gateway.note_change(&change).await.unwrap();
        }
    };
    let adder = async {
        for number in 0..20 {
            command
                .add_agent(&agent(&format!("agent-{number}"), number))
                .await
                .unwrap();
        }
    };
    tokio::join!(writer, adder);
    assert_eq!(gateway.agents().await.unwrap().len(), 20);
    assert_eq!(gateway.revision().await.unwrap(), before + 20);
    let unrecorded = command.unrecorded_changes().await.unwrap();
    let subjects: Vec<&str> = unrecorded
        .iter()
        .map(|change| change.subject.as_str())
        .collect();
    let expected: Vec<String> = (0..50).map(|number: u8| number.to_string()).collect();
    assert_eq!(subjects, expected);
    command.forget_change(unrecorded[0].id).await.unwrap();
    assert_eq!(gateway.unrecorded_changes().await.unwrap().len(), 49);
}

#[tokio::test]
async fn the_first_claim_of_a_value_stays() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    assert_eq!(store.meta("seeded").await.unwrap(), None);
    assert_eq!(store.claim_meta("seeded", "one").await.unwrap(), "one");
    assert_eq!(store.claim_meta("seeded", "two").await.unwrap(), "one");
    assert_eq!(store.meta("seeded").await.unwrap().as_deref(), Some("one"));
}
