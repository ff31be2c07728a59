//! An agent gets its part and no more, whatever the others do.

use std::sync::Arc;

use tollgate::limit::{Bound, Bounds, Limits, Resource, Share, Whose};
use tollgate::model::agent::AgentName;

const BOUND: Bound = Bound {
    total: 10,
    per_agent: 4,
};

fn limits() -> Limits {
    Limits::new(Bounds {
        tunnels: BOUND,
        streams: BOUND,
        bodies: BOUND,
    })
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

/// Takes one after the other until there is no more.
fn take_all(limits: &Limits, name: &str) -> (Vec<Share>, &'static str) {
    let mut shares = Vec::new();
    loop {
        match limits.take(&agent(name), Resource::Tunnels, 1) {
            Ok(share) => shares.push(share),
            Err(reached) => return (shares, reached.setting()),
        }
    }
}

#[test]
fn an_agent_that_takes_all_it_can_leaves_the_rest_to_others() {
    let limits = limits();
    let (first, why) = take_all(&limits, "a");
    assert_eq!((first.len(), why), (4, "tunnels_per_agent"));
    let (second, why) = take_all(&limits, "b");
    assert_eq!((second.len(), why), (4, "tunnels_per_agent"));
    let (third, why) = take_all(&limits, "c");
    assert_eq!((third.len(), why), (2, "tunnels"));
    assert_eq!(limits.used(Resource::Tunnels), 10);
    // Who was refused for want of what all share has taken nothing of its own.
    drop(first);
    assert_eq!(take_all(&limits, "c").0.len(), 2);
    drop((second, third));
    assert_eq!(limits.used(Resource::Tunnels), 0);
}

#[test]
fn one_thing_is_not_counted_as_another() {
    let limits = limits();
    let (tunnels, _) = take_all(&limits, "a");
    let share = limits.take(&agent("a"), Resource::Streams, 4).unwrap();
    assert_eq!(limits.used(Resource::Streams), 4);
    assert_eq!(limits.used(Resource::Bodies), 0);
    drop((tunnels, share));
}

#[test]
fn what_is_not_needed_after_all_is_given_back() {
    let limits = limits();
    let mut share = limits.take(&agent("a"), Resource::Bodies, 4).unwrap();
    share.shrink_to(1);
    share.shrink_to(3);
    assert_eq!(limits.used(Resource::Bodies), 1);
    let more = limits.take(&agent("a"), Resource::Bodies, 3).unwrap();
    drop((share, more));
    assert_eq!(limits.used(Resource::Bodies), 0);
}

#[test]
fn an_amount_that_is_no_number_of_bytes_is_over_the_limit() {
    let limits = limits();
    let share = limits.take(&agent("a"), Resource::Bodies, 1).unwrap();
    let reached = limits
        .take(&agent("a"), Resource::Bodies, usize::MAX)
        .unwrap_err();
    assert_eq!(reached.whose, Whose::Agent);
    assert_eq!(
        reached.to_string(),
        "This agent has too many bytes of request bodies."
    );
    drop(share);
}

#[test]
fn many_at_once_are_counted_exactly() {
    let limits = Arc::new(limits());
    let threads: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| {
            let limits = Arc::clone(&limits);
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    let taken = limits.take(&agent(name), Resource::Streams, 3);
                    assert!(limits.used(Resource::Streams) <= 10);
                    drop(taken);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(limits.used(Resource::Streams), 0);
}
