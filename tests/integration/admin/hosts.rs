//! Names under which the operators' ports are asked: another one is a page that was rebound to this machine (DNS rebinding).

use std::net::SocketAddr;

use crate::support::gateway::Builder;

/// Returns the status that a `Host` gets.
async fn status(address: SocketAddr, host: &str) -> u16 {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = answer.get(format!("http://{address}/healthz"));
    let answer = request.header("host", host).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn only_names_of_the_gateway_are_answered() {
    let gateway = Builder::new()
        .env("TOLLGATE_METRICS_HOSTS", "tollgate,metrics.corp")
        .start()
        .await;
    let addresses = gateway.serving().addresses();
    for address in [addresses.metrics[0], addresses.admin[0]] {
        for host in [
            "localhost",
            "127.0.0.1:9",
            "tollgate",
            "TOLLGATE:7072",
            "metrics.corp",
        ] {
            assert_eq!(status(address, host).await, 200, "{host}");
        }
        for host in ["evil.example", "tollgate.evil.example", "corp", "192.0.2.1"] {
            assert_eq!(status(address, host).await, 421, "{host}");
        }
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_told_with_its_place() {
    let refused = Builder::new()
        .env("TOLLGATE_METRICS_HOSTS", "http://tollgate")
        .try_start()
        .await;
    let problem = refused.err().unwrap();
    assert!(problem.contains("is not a host"), "{problem}");
}
