//! Refusals of unauthenticated connections, summed up to one record for each source and minute.
//!
//! INVARIANT: what unauthenticated clients cause grows neither the journal nor memory by more than so many sources a minute.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use parking_lot::Mutex;

use crate::journal::Summary;
use crate::pipeline::Gateway;
use crate::pipeline::refuse::Code;

/// Sources that are told apart between two summaries; all others are one.
const SOURCES: usize = 256;

/// How often each code was the answer.
type Counts = BTreeMap<&'static str, u64>;

/// Refusals of unauthenticated connections since the last summary.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct UnauthenticatedRefusals(Mutex<HashMap<Source, Counts>>);

/// Where a connection comes from. A port says nothing: it is another one each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Address(IpAddr),
    Socket,
    Others,
}

/// Counts a refusal of an unauthenticated connection.
pub fn refused_unauthenticated(gateway: &Gateway, peer: Option<SocketAddr>, code: Code) {
    let source = peer.map_or(Source::Socket, |peer| {
        Source::Address(peer.ip().to_canonical())
    });
    let mut sources = gateway.unauthenticated.0.lock();
    let source = if sources.len() < SOURCES || sources.contains_key(&source) {
        source
    } else {
        Source::Others
    };
    *sources
        .entry(source)
        .or_default()
        .entry(code.as_str())
        .or_default() += 1;
}

/// Records the refusals of unauthenticated connections since the last call. Call it every minute and at the end.
pub async fn summarize_unauthenticated(gateway: &Gateway) {
    let sources = std::mem::take(&mut *gateway.unauthenticated.0.lock());
    for (source, counts) in sources {
        let summary = Summary {
            what: "unauthenticated.refused".into(),
            source: source.name().into(),
            refusals: counts.values().sum(),
            codes: counts
                .into_iter()
                .map(|(code, count)| (code.into(), count))
                .collect(),
            ..Summary::default()
        };
        if let Err(error) = gateway.dependencies.journal.append(&summary).await {
            tracing::error!(%error, "a summary of refusals was not recorded");
        }
    }
}

impl Source {
    fn name(self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Socket => "a socket".to_owned(),
            Self::Others => "others".to_owned(),
        }
    }
}
