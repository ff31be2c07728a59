//! `serve`: what a first start prints and makes, what a later one does, and how it ends.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;

use super::assert_shown;
use crate::support::agent::read_answer;
use crate::support::tollgate::Shell;

/// Every port is the system's choice.
const CONFIG: &str = "proxy: { listen: [\"127.0.0.1:0\"] }
admin: { listen: [\"127.0.0.1:0\"] }
metrics: { listen: [] }
data_dir: state
";

#[tokio::test]
async fn a_first_start_makes_everything_once_and_says_what_to_do_next() {
    let shell = Shell::new().file("tollgate.yaml", CONFIG);
    let first = shell.serve(&[]).await;
    let listed = shell
        .play("tollgate agent list\ntollgate permission list\ntollgate credential list\ntollgate audit tail")
        .await;
    first.signal(Signal::TERM);
    let first_told = first.told();
    assert_eq!(first.ended().await.0, Some(0));
    let token = std::fs::read_to_string(shell.path("state/agents/default.token")).unwrap();
    let second = shell.serve(&[]).await;
    second.signal(Signal::INT);
    let second_told = second.told();
    assert_eq!(second.ended().await.0, Some(0));
    assert_eq!(
        std::fs::read_to_string(shell.path("state/agents/default.token")).unwrap(),
        token
    );
    assert_shown(
        "serve",
        &shell.plain(&format!("{first_told}\n{listed}{second_told}")),
    );
}

#[tokio::test]
async fn only_the_owner_reads_the_state() {
    let shell = Shell::new().file("tollgate.yaml", CONFIG);
    let served = shell.serve(&[]).await;
    let mode = |name: &str| {
        std::fs::metadata(shell.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("state"), 0o700);
    for secret in [
        "master.key",
        "ca.key",
        "operator.token",
        "parameters.key",
        "tollgate.db",
        "agents/default.token",
        "admin.sock",
    ] {
        assert_eq!(mode(&format!("state/{secret}")), 0o600, "{secret}");
    }
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
}

#[tokio::test]
async fn without_a_configuration_nothing_in_the_working_directory_is_read() {
    let connector = "connector: planted\nname: Planted\nversion: 1\ndomains: [planted.example.com]\nauth: none\nroutes: [{ action: a.b, match: GET /, risk: low }]\n";
    let shell = Shell::new()
        .file("connectors.d/planted.yaml", connector)
        .file(
            "policies.d/planted.yaml",
            "permissions: [{ agents: ['*'], connector: '*', access: full }]\n",
        )
        .env("TOLLGATE_PROXY_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("TOLLGATE_METRICS_LISTEN", "127.0.0.1:0");
    let served = shell.serve(&[]).await;
    let shown = shell
        .play("tollgate status\ntollgate permission list\ntollgate connector show planted")
        .await;
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
    assert!(
        shell
            .path("home/.local/state/tollgate/tollgate.db")
            .is_file()
    );
    assert_shown("serve_bare", &shown);
}

#[tokio::test]
async fn no_connection_is_accepted_before_the_certificate_authority_exists() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = CONFIG.replacen("127.0.0.1:0", &address.to_string(), 1);
    let shell = Shell::new().file("tollgate.yaml", config);
    let mut gateway = shell.command(&["serve"]).spawn().unwrap();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert_eq!(gateway.try_wait().unwrap(), None, "it has ended");
    }
    assert!(shell.path("state/ca.pem").exists());
}

#[tokio::test]
async fn a_port_that_somebody_else_holds_keeps_connections_while_it_restarts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = CONFIG.replacen("127.0.0.1:0", &address.to_string(), 1);
    let shell = Shell::new().file("tollgate.yaml", config);
    let first = shell.serve_on(&listener).await;
    let ask = async || {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request =
            "GET http://tollgate.internal/ca.pem HTTP/1.1\r\nHost: tollgate.internal\r\n\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        socket
    };
    assert_eq!(read_answer(&mut ask().await).await.status, 200);
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await.0, Some(0));
    let mut waits = ask().await;
    let second = shell.serve_on(&listener).await;
    assert_eq!(read_answer(&mut waits).await.status, 200);
    second.signal(Signal::TERM);
    assert_eq!(second.ended().await.0, Some(0));

    drop(listener);
    let stray = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, told) = shell.start_on(&stray).ended().await;
    let expected = format!(
        "inherited sockets (`LISTEN_FDS`) that the configuration does not name: {}",
        stray.local_addr().unwrap()
    );
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&expected), "{told}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_limit_of_open_files_is_raised_to_what_the_tunnels_need_or_it_warns() {
    let limits = |served: &crate::support::tollgate::Served| {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.pid())).unwrap();
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        files
            .unwrap()
            .split_whitespace()
            .nth(3)
            .map(str::parse::<u64>)
            .unwrap()
            .unwrap()
    };
    let config = format!("{CONFIG}limits: {{ tunnels: 500, unauthenticated: 100 }}\n");
    let shell = Shell::new().file("tollgate.yaml", config);
    let served = shell.serve_by("ulimit -Sn 1000; exec \"$0\" serve").await;
    // Two for each connection of an agent, 100 unauthenticated connections, 128 for each of two operators' listeners, and 1,024 others.
    assert_eq!(limits(&served), 2380);
    assert!(!served.told().contains("file descriptors"));
    served.signal(Signal::TERM);
    assert_eq!(served.ended().await.0, Some(0));
    let served = shell.serve_by("ulimit -n 1500; exec \"$0\" serve").await;
    assert_eq!(limits(&served), 1500);
    assert!(served.told().contains("fewer file descriptors"));
}

#[tokio::test]
async fn two_gateways_do_not_share_a_state_directory() {
    let shell = Shell::new().file("tollgate.yaml", CONFIG);
    let first = shell.serve(&[]).await;
    let shown = shell
        .play("tollgate serve\ntollgate --json serve\ntollgate status")
        .await;
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await.0, Some(0));
    let next = shell.serve(&[]).await;
    drop(next);
    assert_shown("serve_twice", &shown);
}

#[tokio::test]
async fn a_hang_up_reads_the_files_again_and_logs_are_json_where_asked() {
    let shell = Shell::new()
        .file("tollgate.yaml", format!("{CONFIG}policies: [policies.d]\n"))
        .file(
            "policies.d/a.yaml",
            "permissions: [{ agents: ['*'], connector: github, access: full }]\n",
        );
    let mut served = shell.serve(&["--log-json"]).await;
    std::fs::write(
        shell.path("policies.d/a.yaml"),
        "permissions: [{ agents: ['*'], connector: gihub, access: none }]\n",
    )
    .unwrap();
    served.signal(Signal::HUP);
    served.wait_for("reload failed").await;
    served.signal(Signal::TERM);
    let (code, told) = served.ended().await;
    assert_eq!(code, Some(0));
    let logged: Vec<serde_json::Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let unknown = logged.iter().find(|line| {
        line["fields"]["code"] == "unknown-connector" || line["code"] == "unknown-connector"
    });
    assert!(unknown.is_some(), "{told}");
}
