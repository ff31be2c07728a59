//! Egress from outside: an authority, rules and a fake resolver in, addresses out.

mod addresses;
mod allow;
mod lookup;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use tollgate::egress::{AllowRule, Egress, EgressError, EgressRules, Lookup, LookupError};
use tollgate::model::target::Authority;

/// Answers in turn, the last answer for ever; counts the questions.
#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Result<Vec<IpAddr>, LookupError>>>,
    asked: AtomicUsize,
}

impl Script {
    fn new(answers: Vec<Result<Vec<IpAddr>, LookupError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into()),
            asked: AtomicUsize::new(0),
        })
    }

    /// Always the same addresses.
    fn always(addresses: &[&str]) -> Arc<Self> {
        Self::new(vec![Ok(addresses.iter().map(|text| ip(text)).collect())])
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Lookup for Script {
    async fn addresses(&self, _name: &str) -> Result<Vec<IpAddr>, LookupError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock();
        if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers[0].clone()
        }
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is an address"))
}

fn at(text: &str) -> SocketAddr {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is an address and a port"))
}

fn authority(text: &str) -> Authority {
    Authority::parse(text, 443).unwrap_or_else(|error| panic!("{error}"))
}

fn allowing(rules: &[&str]) -> EgressRules {
    let allow = rules
        .iter()
        .map(|rule| AllowRule::parse(rule).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    EgressRules {
        allow,
        ..EgressRules::default()
    }
}

/// What a name with these addresses, or an address itself, resolves to under the rules.
async fn resolve(
    rules: EgressRules,
    target: &str,
    addresses: &[&str],
) -> Result<Vec<SocketAddr>, EgressError> {
    Egress::new(rules, Script::always(addresses))
        .resolve(&authority(target))
        .await
}

fn forbidden(result: &Result<Vec<SocketAddr>, EgressError>) -> bool {
    matches!(result, Err(EgressError::Forbidden(_)))
}
