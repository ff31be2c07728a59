//! The roster from outside: tokens in, agents out, at once unknown when removed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate::model::agent::{Agent, AgentName};
use tollgate::roster::{Roster, RosterEntry, Token, TokenHash, TokenKind};

const NOW: SystemTime = UNIX_EPOCH;

fn entry(name: &str, token: &str, expires_at: Option<SystemTime>) -> RosterEntry {
    let agent = Agent {
        name: AgentName::parse(name).unwrap(),
        labels: BTreeMap::new(),
    };
    RosterEntry {
        hash: TokenHash::of(token),
        agent: Arc::new(agent),
        expires_at,
    }
}

fn found(roster: &Roster, token: &str, now: SystemTime) -> Option<String> {
    roster
        .find(&TokenHash::of(token), now)
        .map(|agent| agent.name.to_string())
}

#[test]
fn finds_whose_a_token_is() {
    let roster = Roster::default();
    assert_eq!(found(&roster, "tga_one", NOW), None);
    roster.replace(vec![
        entry("devops", "tga_one", None),
        entry("care", "tga_two", None),
    ]);
    assert_eq!(found(&roster, "tga_one", NOW).as_deref(), Some("devops"));
    assert_eq!(found(&roster, "tga_two", NOW).as_deref(), Some("care"));
    for wrong in ["", "tga_", "tga_onE", "tga_one ", "tga_oneone"] {
        assert_eq!(found(&roster, wrong, NOW), None, "{wrong}");
    }
}

#[test]
fn a_removed_agent_is_unknown_at_once() {
    let roster = Roster::default();
    roster.replace(vec![entry("devops", "tga_one", None)]);
    roster.replace(Vec::new());
    assert_eq!(found(&roster, "tga_one", NOW), None);
    assert!(roster.agents().is_empty());
}

#[test]
fn a_token_is_void_from_the_moment_it_expires() {
    let roster = Roster::default();
    let end = NOW + Duration::from_secs(10);
    roster.replace(vec![entry("devops", "tga_one", Some(end))]);
    assert!(found(&roster, "tga_one", end - Duration::from_nanos(1)).is_some());
    assert_eq!(found(&roster, "tga_one", end), None);
    assert_eq!(
        found(&roster, "tga_one", end + Duration::from_secs(1)),
        None
    );
}

#[test]
fn lists_each_agent_once_by_name() {
    let roster = Roster::default();
    roster.replace(vec![
        entry("devops", "a", None),
        entry("care", "b", None),
        entry("devops", "c", None),
    ]);
    let names: Vec<String> = roster
        .agents()
        .iter()
        .map(|agent| agent.name.to_string())
        .collect();
    assert_eq!(names, ["care", "devops"]);
}

#[test]
fn of_two_entries_with_one_token_the_earlier_counts() {
    let roster = Roster::default();
    roster.replace(vec![
        entry("declared", "same", None),
        entry("stored", "same", None),
    ]);
    assert_eq!(found(&roster, "same", NOW).as_deref(), Some("declared"));
}

#[test]
fn a_token_is_long_random_and_hidden() {
    let mut random = rand::rng();
    for (kind, prefix) in [(TokenKind::Agent, "tga_"), (TokenKind::Operator, "tgo_")] {
        let token = Token::generate(kind, &mut random);
        let rest = token.reveal().strip_prefix(prefix).unwrap();
        assert_eq!(rest.len(), 43);
        assert!(
            rest.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        );
        assert_eq!(token.hash(), TokenHash::of(token.reveal()));
        assert_ne!(token.hash(), Token::generate(kind, &mut random).hash());
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}

#[test]
fn the_hash_is_sha_256() {
    let TokenHash(hash) = TokenHash::of("abc");
    assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-4, the example of one block.
}
