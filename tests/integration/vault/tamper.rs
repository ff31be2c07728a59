//! Whatever is edited in a credential's row: a named error, and nothing of the secret.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::test_runner::TestCaseError;
use sqlx::sqlite::SqliteConnection;
use tollgate::model::credential::{Binding, SealedCredential};
use tollgate::model::secret::Secret;
use tollgate::store::{Store, StoreError};
use tollgate::vault::{CredentialDraft, OpenError, Opener, Sealer};

use super::{SECRET, draft, master};
use crate::store::Place;

const COLUMNS: [&str; 10] = [
    "id",
    "connector",
    "scheme",
    "public_fields",
    "placement",
    "binding",
    "key_version",
    "sealed",
    "agent_owned",
    "created_at",
];

fn sealed() -> SealedCredential {
    Sealer::new(&master(1))
        .seal(draft("gh"), &mut rand::rng())
        .unwrap()
}

#[test]
fn another_master_key_opens_nothing() {
    let error = Opener::new(&master(2)).open(&sealed()).unwrap_err();
    assert_eq!(error, OpenError::Tampered("gh".to_owned()));
    let text = error.to_string();
    assert_eq!(
        text,
        "credential `gh` does not authenticate: the master key is another one, or its row was changed"
    );
}

#[test]
fn an_edited_column_opens_nothing() {
    let check = |edit: fn(&mut SealedCredential)| {
        let mut credential = sealed();
        edit(&mut credential);
        assert!(
            Opener::new(&master(1)).open(&credential).is_err(),
            "{credential:?}"
        );
    };
    check(|it| it.binding.hosts = vec!["evil.test:443".to_owned()]);
    check(|it| it.binding.hosts.push("evil.test:443".to_owned()));
    check(|it| it.binding.path = "/v2".to_owned());
    check(|it| it.binding.urls = vec!["https://evil.test/token".to_owned()]);
    check(|it| it.binding.agents.clear());
    check(|it| it.connector = "http".to_owned());
    check(|it| it.scheme = "query".to_owned());
    check(|it| it.placement = r#"1{"put":{"a":""}}"#.to_owned());
    check(|it| it.placement.clear());
    check(|it| it.public_fields.clear());
    check(|it| it.key_version = 2);
    check(|it| it.agent_owned = true);
    check(|it| it.created_at.push('Z'));
    check(|it| it.sealed.truncate(27));
    check(|it| it.sealed.clear());
    // Two columns that trade a letter have the same letters in a row.
    check(|it| {
        it.connector = "githu".to_owned();
        it.scheme = "bbasic".to_owned();
    });
}

#[test]
fn a_ciphertext_opens_in_no_other_row() {
    let sealer = Sealer::new(&master(1));
    let one = sealer.seal(draft("one"), &mut rand::rng()).unwrap();
    let mut other = sealer.seal(draft("other"), &mut rand::rng()).unwrap();
    other.sealed = one.sealed;
    assert!(Opener::new(&master(1)).open(&other).is_err());
}

/// Writes a column back with one bit flipped, whatever type it has; returns whether there was such a bit.
async fn flip(raw: &mut SqliteConnection, column: &str, bit: usize) -> bool {
    use sqlx::AssertSqlSafe as Sql;
    let number = matches!(column, "key_version" | "agent_owned");
    if number {
        let sql = format!(
            "UPDATE credential SET {column} = {column} + ? * (1 - 2 * (({column} >> ?) & 1))"
        );
        let Some(value) = 1_i64
            .checked_shl(u32::try_from(bit).unwrap())
            .filter(|_| bit < 63)
        else {
            return false;
        };
        let query = sqlx::query(Sql(sql))
            .bind(value)
            .bind(i64::try_from(bit).unwrap());
        query.execute(raw).await.unwrap();
        return true;
    }
    let sql = format!("SELECT CAST({column} AS BLOB) FROM credential");
    let mut bytes: Vec<u8> = sqlx::query_scalar(Sql(sql))
        .fetch_one(&mut *raw)
        .await
        .unwrap();
    let Some(byte) = bytes.get_mut(bit / 8) else {
        return false;
    };
    *byte ^= 1 << (bit % 8);
    let cast = if column == "sealed" {
        "?"
    } else {
        "CAST(? AS TEXT)"
    };
    sqlx::query(Sql(format!("UPDATE credential SET {column} = {cast}")))
        .bind(bytes)
        .execute(raw)
        .await
        .unwrap();
    true
}

/// Returns whether the one stored credential opens.
async fn opens(store: &Store) -> bool {
    match store.credentials().await {
        Ok(found) => match Opener::new(&master(1)).open(&found[0]) {
            Ok(_) => true,
            Err(OpenError::Tampered(_)) => false,
            Err(other @ (OpenError::Unread(_) | OpenError::Unreadable { .. })) => panic!("{other}"),
        },
        Err(StoreError::BadRow {
            table: "credential",
            reason,
            ..
        }) => {
            assert!(!reason.contains(SECRET));
            false
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn no_bit_of_a_stored_row_can_be_flipped() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.put_credential(&sealed()).await.unwrap();
    assert!(opens(&store).await);
    let mut raw = place.raw().await;
    sqlx::raw_sql("PRAGMA synchronous = OFF")
        .execute(&mut raw)
        .await
        .unwrap();
    let mut flips = 0;
    for column in COLUMNS {
        let mut bit = 0;
        while flip(&mut raw, column, bit).await {
            assert!(!opens(&store).await, "bit {bit} of `{column}`");
            flip(&mut raw, column, bit).await;
            (bit, flips) = (bit + 1, flips + 1);
        }
    }
    assert!(flips > 1_000, "{flips}");
    assert!(opens(&store).await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_bit_of_any_row_can_be_flipped(
        texts in proptest::collection::btree_map("[a-z\u{1}-\u{1f}]{1,4}", "[!-~\u{e9}\u{1f600}]{8,20}", 0..4),
        path in "/[a-z]{0,8}",
        column in 0..COLUMNS.len(),
        bit in any::<proptest::sample::Index>(),
        owned in any::<bool>(),
    ) {
        let base = draft("gh");
        let draft = CredentialDraft {
            public_fields: texts.clone(),
            origins: BTreeMap::new(),
            secret_fields: if owned { BTreeMap::new() } else { BTreeMap::from([("S".to_owned(), Secret::from(SECRET.to_owned()))]) },
            binding: Binding { path, ..base.binding.clone() },
            agent_owned: owned,
            ..base
        };
        let credential = Sealer::new(&master(1)).seal(draft, &mut rand::rng()).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let place = Place::new();
            let store = Store::create(&place.url).await.unwrap();
            store.put_credential(&credential).await.unwrap();
            assert_eq!(store.credentials().await.unwrap(), std::slice::from_ref(&credential));
            let mut raw = place.raw().await;
            let size: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT length(CAST({} AS BLOB)) FROM credential", COLUMNS[column])))
                .fetch_one(&mut raw).await.unwrap();
            let bit = bit.index(usize::try_from(size).unwrap() * 8);
            assert!(flip(&mut raw, COLUMNS[column], bit).await);
            assert!(!opens(&store).await, "bit {bit} of `{}`", COLUMNS[column]);
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn a_credential_is_put_once() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.put_credential(&sealed()).await.unwrap();
    let error = store.put_credential(&sealed()).await.unwrap_err();
    assert_eq!(error.to_string(), "credential `gh` exists already");
    store.remove_credential("gh").await.unwrap();
    assert_eq!(store.credentials().await.unwrap(), []);
    assert_eq!(
        store.remove_credential("gh").await.unwrap_err().to_string(),
        "there is no credential `gh`"
    );
}
