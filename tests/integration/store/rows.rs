//! Agents, operators, permissions: what is put in comes out, once, and raises the revision.

use std::time::{Duration, UNIX_EPOCH};

use tollgate::model::halt::{Halt, Scope};
use tollgate::store::{Store, StoreError, StoredOperator, StoredToken};

use super::{Place, agent};

#[tokio::test]
async fn an_agent_lives_until_it_is_removed() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let other = agent("build-1", 2);
    store.add_agent(&agent("devops", 1)).await.unwrap();
    store.add_agent(&other).await.unwrap();
    assert_eq!(
        store.agents().await.unwrap(),
        [other.clone(), agent("devops", 1)]
    );

    let taken = store.add_agent(&agent("devops", 3)).await.unwrap_err();
    assert_eq!(taken.to_string(), "agent `devops` exists already");
    let taken = store.add_agent(&agent("spare", 1)).await.unwrap_err();
    assert_eq!(taken.to_string(), "token `01010101…` exists already");

    store.remove_agent("devops").await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [other]);
    assert_eq!(
        store.remove_agent("devops").await.unwrap_err().to_string(),
        "there is no agent `devops`"
    );
    assert_eq!(
        store.remove_token(&[1; 32]).await.unwrap_err().to_string(),
        "there is no token `01010101…`"
    );
}

#[tokio::test]
async fn expired_tokens_are_pruned_when_one_is_added_or_renewed() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let token = |byte, expires_at| StoredToken {
        hash: [byte; 32],
        expires_at,
        ..StoredToken::default()
    };
    store.add_agent(&agent("devops", 1)).await.unwrap();
    store
        .add_token("devops", &token(2, Some(100)), at(10))
        .await
        .unwrap();
    store
        .add_token("devops", &token(3, Some(200)), at(99))
        .await
        .unwrap();
    store.renew_token(&[3; 32], 300, at(100)).await.unwrap();
    let tokens = store.agents().await.unwrap().remove(0).tokens;
    assert_eq!(tokens, [token(1, None), token(3, Some(300))]);

    let gone = store.renew_token(&[3; 32], 400, at(300)).await.unwrap_err();
    assert_eq!(gone.to_string(), "there is no token `03030303…`");
    let nobody = store
        .add_token("nobody", &token(4, None), at(0))
        .await
        .unwrap_err();
    assert_eq!(nobody.to_string(), "there is no agent `nobody`");

    store.rotate_token("devops", &token(5, None)).await.unwrap();
    assert_eq!(
        store.agents().await.unwrap().remove(0).tokens,
        [token(5, None)]
    );
    store.remove_token(&[5; 32]).await.unwrap();
    assert_eq!(store.agents().await.unwrap().remove(0).tokens, []);
}

#[tokio::test]
async fn an_operator_is_replaced_by_name() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let operator = |name: &str, role: &str, token| StoredOperator {
        name: name.to_owned(),
        role: role.to_owned(),
        groups: vec!["finance".to_owned()],
        token_hash: [token; 32],
    };
    store
        .put_operator(&operator("ada", "viewer", 1))
        .await
        .unwrap();
    store
        .put_operator(&operator("ada", "owner", 2))
        .await
        .unwrap();
    assert_eq!(
        store.operators().await.unwrap(),
        [operator("ada", "owner", 2)]
    );
    let taken = store
        .put_operator(&operator("bob", "owner", 2))
        .await
        .unwrap_err();
    assert!(matches!(taken, StoreError::Exists { .. }), "{taken}");
    store.remove_operator("ada").await.unwrap();
    assert_eq!(store.operators().await.unwrap(), []);
}

#[tokio::test]
async fn a_permission_is_replaced_by_key_and_keeps_its_id() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let first = store
        .set_permission("devops/jira", r#"{"access":"full"}"#)
        .await
        .unwrap();
    let second = store
        .set_permission("care/jira", r#"{"access":"none"}"#)
        .await
        .unwrap();
    assert_eq!(
        store
            .set_permission("devops/jira", r#"{"access":"ask"}"#)
            .await
            .unwrap(),
        first
    );
    let listed = store.permissions().await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|one| (one.id, one.key.as_str(), one.manifest.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            (first, "devops/jira", r#"{"access":"ask"}"#),
            (second, "care/jira", r#"{"access":"none"}"#)
        ]
    );
    store.remove_permission("devops/jira").await.unwrap();
    assert_eq!(store.permissions().await.unwrap().len(), 1);
    let error = store.set_permission("x", "[]").await.unwrap_err();
    assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
}

#[tokio::test]
async fn every_change_raises_the_revision_and_nothing_else_does() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let mut last = store.revision().await.unwrap();
    let mut raised = async || {
        let now = store.revision().await.unwrap();
        now > std::mem::replace(&mut last, now)
    };
    store.add_agent(&agent("devops", 1)).await.unwrap();
    assert!(raised().await);
    store.set_permission("k", "{}").await.unwrap();
    assert!(raised().await);
    store
        .rotate_token(
            "devops",
            &StoredToken {
                hash: [9; 32],
                expires_at: None,
                ..StoredToken::default()
            },
        )
        .await
        .unwrap();
    assert!(raised().await);
    store.remove_agent("devops").await.unwrap();
    assert!(raised().await);
    store.remove_agent("devops").await.unwrap_err();
    store.claim_meta("a", "b").await.unwrap();
    store.put_meta("c", "d").await.unwrap();
    assert!(!raised().await);
}

#[tokio::test]
async fn a_row_that_does_not_read_is_named() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    store.add_agent(&agent("devops", 1)).await.unwrap();
    store.set_permission("k", "{}").await.unwrap();
    let mut raw = place.raw().await;
    let mut edit = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&mut raw).await.unwrap();
    };
    edit("UPDATE agent SET labels = '{\"team\": \"payments\"}'").await;
    let error = store.agents().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "row `devops` of table `agent` cannot be read: `labels` is not as it was written"
    );
    edit("UPDATE agent SET labels = '{}'; UPDATE agent_token SET hash = x'01'").await;
    let error = store.agents().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "row `devops` of table `agent` cannot be read: `hash` is not 32 bytes long"
    );
    edit("UPDATE permission SET manifest = '[]'").await;
    let error = store.permissions().await.unwrap_err().to_string();
    assert!(
        error.starts_with("row `k` of table `permission` cannot be read: `manifest`: "),
        "{error}"
    );
    edit("UPDATE meta SET value = 'x' WHERE key = 'revision'").await;
    let error = store.revision().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "row `revision` of table `meta` cannot be read: `value` is not a number"
    );
}

#[tokio::test]
async fn a_halt_stays_until_it_is_removed() {
    let place = Place::new();
    let store = Store::create(&place.url).await.unwrap();
    let halt = |scope, by: &str, reason: Option<&str>| Halt {
        scope,
        since: "2026-01-01T00:00:00.000Z".to_owned(),
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
    };
    let (all, agent) = (Scope::All, Scope::Agent("ci".to_owned()));
    let before = store.revision().await.unwrap();
    store
        .put_halt(&halt(agent.clone(), "ada", Some("leaked")))
        .await
        .unwrap();
    store
        .put_halt(&halt(all.clone(), "ada", None))
        .await
        .unwrap();
    // The same scope again replaces it.
    store
        .put_halt(&halt(all.clone(), "bob", None))
        .await
        .unwrap();
    let kept = [
        halt(agent.clone(), "ada", Some("leaked")),
        halt(all.clone(), "bob", None),
    ];
    assert_eq!(store.halts().await.unwrap(), kept);
    assert!(store.remove_halt(&agent).await.unwrap());
    assert!(!store.remove_halt(&agent).await.unwrap());
    assert_eq!(store.halts().await.unwrap(), [halt(all, "bob", None)]);
    assert!(store.revision().await.unwrap() > before + 3);

    let mut raw = place.raw().await;
    sqlx::query("UPDATE halt SET scope = 'everybody'")
        .execute(&mut raw)
        .await
        .unwrap();
    let error = store.halts().await.unwrap_err();
    assert!(
        matches!(error, StoreError::BadRow { table: "halt", .. }),
        "{error}"
    );
}
