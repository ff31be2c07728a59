use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tollgate::egress::{Egress, EgressError, EgressRules, Lookup, LookupError, SystemLookup};

use super::{Script, at, authority, forbidden, ip, resolve};

#[tokio::test]
async fn forbidden_addresses_of_a_name_are_dropped_and_the_order_stays() {
    let found = resolve(
        EgressRules::default(),
        "mixed.example",
        &["2606:4700::1", "10.0.0.1", "1.1.1.1", "::1", "1.1.1.1"],
    )
    .await;
    assert_eq!(found, Ok(vec![at("[2606:4700::1]:443"), at("1.1.1.1:443")]));
}

#[tokio::test]
async fn a_name_that_rebinds_is_refused_the_second_time() {
    let script = Script::new(vec![Ok(vec![ip("1.1.1.1")]), Ok(vec![ip("127.0.0.1")])]);
    let egress = Egress::new(EgressRules::default(), script.clone());
    let name = authority("rebind.example");
    assert_eq!(egress.resolve(&name).await, Ok(vec![at("1.1.1.1:443")]));
    assert!(egress.permits(&name, at("1.1.1.1:443")));
    assert!(
        !egress.permits(&name, at("1.1.1.1:444")),
        "another port than judged"
    );
    assert!(forbidden(&egress.resolve(&name).await));
    assert!(!egress.permits(&name, at("127.0.0.1:443")));
    assert_eq!(script.asked(), 2, "checking again asks nobody");
}

#[tokio::test]
async fn one_resolve_asks_once_and_literals_and_fixed_names_never_ask() {
    let script = Script::always(&["1.1.1.1"]);
    let mut rules = EgressRules::default();
    rules
        .resolve
        .insert(authority("fixed.example"), vec![at("127.0.0.1:9")]);
    let egress = Egress::new(rules, script.clone());
    for target in [
        "8.8.8.8",
        "127.0.0.1",
        "[2606:4700::1]:8443",
        "fixed.example",
    ] {
        let _ = egress.resolve(&authority(target)).await;
    }
    assert_eq!(script.asked(), 0);
    egress.resolve(&authority("api.example")).await.unwrap();
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn a_huge_answer_is_cut() {
    let many: Vec<String> = (0..5_000)
        .map(|n| format!("1.1.{}.{}", n / 250, n % 250))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        resolve(EgressRules::default(), "many.example", &many)
            .await
            .unwrap()
            .len(),
        16
    );
}

#[tokio::test]
async fn failures_name_the_authority_and_nothing_else() {
    let check = async |answer: Result<Vec<IpAddr>, LookupError>| {
        let egress = Egress::new(EgressRules::default(), Script::new(vec![answer]));
        egress
            .resolve(&authority("api.example"))
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        check(Ok(vec![])).await,
        "`api.example:443` does not resolve"
    );
    assert_eq!(
        check(Err(LookupError::NotFound)).await,
        "`api.example:443` does not resolve"
    );
    assert_eq!(
        check(Err(LookupError::Failed("10.0.0.2 refused".into()))).await,
        "`api.example:443` does not resolve"
    );
    assert_eq!(
        check(Err(LookupError::Timeout)).await,
        "looking up `api.example:443` took too long"
    );
    assert_eq!(
        check(Ok(vec![ip("10.0.0.1")])).await,
        "`api.example:443` is not an address that agents may reach"
    );
}

/// Never answers.
#[derive(Debug)]
struct Silence;

#[async_trait]
impl Lookup for Silence {
    async fn addresses(&self, _name: &str) -> Result<Vec<IpAddr>, LookupError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_resolver_that_never_answers_does_not_hold_a_request() {
    let egress = Egress::new(EgressRules::default(), Arc::new(Silence))
        .lookup_timeout(Duration::from_millis(1));
    let error = egress.resolve(&authority("api.example")).await.unwrap_err();
    assert_eq!(error, EgressError::Timeout("api.example:443".into()));
}

#[tokio::test]
async fn the_systems_own_localhost_resolves_and_is_refused() {
    // RFC 6761 section 6.3: answered without a server, from /etc/hosts or by rule.
    let system = Arc::new(SystemLookup::new());
    assert!(
        system
            .addresses("localhost")
            .await
            .unwrap()
            .iter()
            .all(IpAddr::is_loopback)
    );
    let egress = Egress::new(EgressRules::default(), system);
    assert!(forbidden(&egress.resolve(&authority("localhost.")).await));
    assert!(forbidden(
        &egress.resolve(&authority("api.localhost")).await
    ));
}
