//! What can be wrong around the gateway: each is told with the file or flag, ends with the contract's code, and loses nothing.

use rustix::process::Signal;
use sqlx::{ConnectOptions as _, Connection as _};

use super::assert_shown;
use crate::support::tollgate::Shell;

const CONFIG: &str = "proxy: { listen: [\"127.0.0.1:0\"] }
admin: { listen: [] }
metrics: { listen: [] }
data_dir: state
";

/// Starts and ends a gateway once, with a credential in its store.
async fn started(config: &str) -> Shell {
    let shell = Shell::new().file("tollgate.yaml", config);
    let served = shell.serve(&[]).await;
    let done = shell
        .run(&["credential", "add", "github"], "ghp_0123456789abcdef")
        .await;
    assert!(done.status.success(), "{done:?}");
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
    shell
}

async fn edit(shell: &Shell, sql: &'static str) {
    let file = shell.path("state/tollgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut database = options.connect().await.unwrap();
    sqlx::query(sql).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn another_master_key_is_found_at_start() {
    let shell = started(CONFIG).await;
    let key = std::fs::read(shell.path("state/master.key")).unwrap();
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    std::fs::write(shell.path("state/master.key"), other).unwrap();
    let wrong = shell.play("tollgate serve\ntollgate --json serve\ntollgate credential add github --id b <<< ghp_0123456789abcdef").await;
    std::fs::write(shell.path("state/master.key"), "no key").unwrap();
    let none = shell.play("tollgate serve").await;
    std::fs::remove_file(shell.path("state/master.key")).unwrap();
    let gone = shell.play("tollgate serve\ntollgate credential list").await;
    assert!(
        !shell.path("state/master.key").exists(),
        "a key was made for a store that has one"
    );
    let shell = shell.file("state/master.key", &key);
    let exposed = shell.play("tollgate serve").await;
    assert_shown("trouble_key", &format!("{wrong}{none}{gone}{exposed}"));
}

#[tokio::test]
async fn a_changed_row_of_the_vault_is_told_and_the_others_work() {
    let shell = started(CONFIG).await;
    edit(&shell, "UPDATE credential SET sealed = zeroblob(64)").await;
    let mut served = shell.serve(&[]).await;
    served.wait_for("does not authenticate").await;
    let shown = shell.play("tollgate status").await;
    drop(served);
    edit(&shell, "UPDATE credential SET binding = '{\"hosts\": []}'").await;
    let unreadable = shell.play("tollgate serve\ntollgate credential list").await;
    assert_shown("trouble_vault", &format!("{shown}{unreadable}"));
}

#[tokio::test]
async fn a_broken_ca_is_told_and_not_replaced() {
    let shell = started(CONFIG).await;
    let certificate = std::fs::read(shell.path("state/ca.pem")).unwrap();
    std::fs::write(
        shell.path("state/ca.pem"),
        "-----BEGIN CERTIFICATE-----\nbroken\n",
    )
    .unwrap();
    let broken = shell.play("tollgate serve").await;
    std::fs::write(shell.path("state/ca.pem"), &certificate).unwrap();
    std::fs::write(shell.path("state/ca.key"), "broken").unwrap();
    let key = shell.play("tollgate serve").await;
    std::fs::remove_file(shell.path("state/ca.key")).unwrap();
    let gone = shell.play("tollgate serve").await;
    assert_eq!(
        std::fs::read(shell.path("state/ca.pem")).unwrap(),
        certificate
    );
    assert_shown("trouble_ca", &format!("{broken}{key}{gone}"));
}

#[tokio::test]
async fn a_store_that_is_none_damaged_or_of_the_future_is_told() {
    let shell = started(CONFIG).await;
    edit(
        &shell,
        "UPDATE meta SET value = '9' WHERE key = 'schema_version'",
    )
    .await;
    let newer = shell.play("tollgate serve\ntollgate agent list").await;
    std::fs::write(
        shell.path("state/tollgate.db"),
        "this is a text file, and long enough to be looked at",
    )
    .unwrap();
    for rest in ["wal", "shm"] {
        let _ = std::fs::remove_file(shell.path(&format!("state/tollgate.db-{rest}")));
    }
    let foreign = shell.play("tollgate serve\ntollgate agent list").await;
    let shell = Shell::new()
        .file("tollgate.yaml", CONFIG)
        .file("state", "a file where the directory should be");
    let unmakeable = shell.play("tollgate serve").await;
    assert_shown("trouble_store", &format!("{newer}{foreign}{unmakeable}"));
}

#[tokio::test]
async fn a_locked_store_is_told_after_a_moment() {
    let shell = started(CONFIG).await;
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(shell.path("state/tollgate.db"));
    let mut other = options.connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let (serve, add) = tokio::join!(
        shell.play("tollgate serve"),
        shell.play("tollgate agent add build")
    );
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let after = shell.play("tollgate agent list").await;
    assert_shown("trouble_locked", &format!("{serve}{add}{after}"));
}

#[tokio::test]
async fn a_port_in_use_is_told_with_its_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = CONFIG.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let shell = Shell::new().file("tollgate.yaml", config);
    let shown = shell.play("tollgate serve\ntollgate --json serve").await;
    assert_shown("trouble_port", &shown);
}

#[tokio::test]
async fn broken_files_end_a_start_with_all_their_problems() {
    let shell = Shell::new()
        .file("tollgate.yaml", format!("{CONFIG}connectors: [connectors.d]\npolicies: [policies.d]\n"))
        .file("connectors.d/a.yaml", "connector: a\nname: [\n")
        .file("policies.d/a.yaml", "permissions:\n  - { agents: [default], allow: [github.user.mee] }\npolicies:\n  - id: p\n    actions: [github.*]\n    when: 'params.nothing =='\n    decision: deny\n");
    let shown = shell.play("tollgate serve").await;
    std::fs::write(shell.path("connectors.d/a.yaml"), "").unwrap();
    let empty = shell.play("tollgate serve").await;
    std::fs::remove_file(shell.path("connectors.d/a.yaml")).unwrap();
    let none = shell.play("tollgate serve").await;
    std::os::unix::fs::symlink("nowhere", shell.path("connectors.d/a.yaml")).unwrap();
    let dangling = shell.play("tollgate serve").await;
    std::fs::remove_file(shell.path("connectors.d/a.yaml")).unwrap();
    std::fs::remove_dir(shell.path("connectors.d")).unwrap();
    let gone = shell.play("tollgate serve").await;
    assert_shown(
        "trouble_files",
        &format!("{shown}{empty}{none}{dangling}{gone}"),
    );
}

#[tokio::test]
async fn variables_are_read_strictly() {
    let unknown = Shell::new()
        .env("TOLLGATE_LIMITS_FIRST_BITE", "1s")
        .play("tollgate serve\ntollgate agent list")
        .await;
    let log = Shell::new()
        .env("TOLLGATE_LOG", "%%")
        .play("tollgate serve")
        .await;
    let shadow = Shell::new()
        .env("TOLLGATE_ENFORCEMENT", "shadow")
        .play("tollgate serve")
        .await;
    let secret = Shell::new()
        .file("tollgate.yaml", format!("{CONFIG}agents: [{{ name: ci, token: {{ env: CI_TOKEN }} }}]\nvault: {{ key: {{ env: MASTER }} }}\n"))
        .play("tollgate serve\ntollgate check")
        .await;
    assert_shown(
        "trouble_variables",
        &format!("{unknown}{log}{shadow}{secret}"),
    );
}
