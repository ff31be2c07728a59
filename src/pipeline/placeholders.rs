//! Finds the placeholders that an agent holds in what it sends: where the credential goes they stand for it, elsewhere they leak.
//!
//! INVARIANT: a placeholder of another credential than the one that is put on never passes for it.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

use super::collect::Collected;
use super::decide::Injection;
use super::refuse::{Code, Refusal};
use crate::connector::Connector;
use crate::model::agent::AgentName;
use crate::model::credential::CredentialId;
use crate::model::on_leak::OnLeak;
use crate::model::show::brief;
use crate::model::table::Table;
use crate::snapshot::Snapshot;
use crate::vault::{Keyring, Placeholders};

/// Most places that are told of one request.
const MAX_TOLD: usize = 8;

/// The placeholders of all agents, made when an agent is first seen and again after a change of credentials.
#[derive(Debug, Default)]
pub(super) struct PlaceholderIndex(ArcSwap<Generation>);

#[derive(Debug, Default)]
struct Generation {
    /// Which ring of the keyring it is of.
    number: u64,
    agents: Table<AgentName, Option<Arc<Held>>>,
}

/// The placeholders of one agent.
#[derive(Debug)]
pub(super) struct Held {
    search: AhoCorasick,
    /// Whose each pattern is.
    of: Vec<CredentialId>,
}

/// Placeholders that a request carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presented {
    /// Where this API takes credentials.
    in_place: Vec<(CredentialId, String)>,
    /// Anywhere else in the request.
    elsewhere: Vec<(CredentialId, String)>,
}

impl PlaceholderIndex {
    /// Returns the placeholders of an agent; `None` where it has none.
    pub(super) fn of(
        &self,
        agent: &AgentName,
        (keyring, placeholders): (&Keyring, &Placeholders),
    ) -> Option<Arc<Held>> {
        let number = keyring.generation();
        let generation = self.0.load();
        if generation.number == number
            && let Some(held) = generation.agents.get(agent)
        {
            return held.clone();
        }
        let held = make(agent, (keyring, placeholders)).map(Arc::new);
        self.0.rcu(|before| {
            let is_same = before.number == number;
            let mut agents = if is_same {
                before.agents.clone()
            } else {
                Table::default()
            };
            agents.insert(agent.clone(), held.clone());
            Generation { number, agents }
        });
        held
    }
}

fn make(agent: &AgentName, (keyring, placeholders): (&Keyring, &Placeholders)) -> Option<Held> {
    let (mut patterns, mut of) = (Vec::new(), Vec::new());
    for credential in keyring.list() {
        let agents = &credential.binding.agents;
        let fits = agents.is_empty() || agents.iter().any(|name| name == agent.as_str());
        if credential.agent_owned || !fits {
            continue;
        }
        let made = placeholders.of(agent, &credential).unwrap_or_default();
        for placeholder in made.into_values() {
            patterns.push(placeholder);
            of.push(credential.id.clone());
        }
    }
    let search = (!patterns.is_empty()).then(|| AhoCorasick::new(&patterns).ok());
    Some(Held {
        search: search.flatten()?,
        of,
    })
}

impl Held {
    /// Returns whose each placeholder in a text is, also where several are.
    fn find<'h>(&'h self, bytes: &'h [u8]) -> impl Iterator<Item = &'h CredentialId> {
        let found = self.search.find_overlapping_iter(bytes);
        found.filter_map(|found| self.of.get(found.pattern().as_usize()))
    }

    /// Returns what a request carries. Its body is searched where it was read.
    pub(super) fn presented(&self, request: &Collected) -> Presented {
        let mut presented = Presented::default();
        let connector = &request.connector;
        for (name, value) in &request.payload.headers {
            let decoded = (*name == AUTHORIZATION)
                .then(|| basic(value.as_bytes()))
                .flatten();
            let decoded = decoded.as_deref().unwrap_or_default();
            let is_place = || connector.credential_headers().any(|place| name == place);
            for id in self.find(value.as_bytes()).chain(self.find(decoded)) {
                presented.add(id, is_place(), || format!("header:{name}"));
            }
        }
        let target = &request.input.target;
        for (name, value) in target.query.pairs() {
            let is_place = || {
                let mut places = connector.credential_places().query.iter();
                places.any(|place| place.eq_ignore_ascii_case(name))
            };
            for id in self.find(value.as_bytes()) {
                presented.add(id, is_place(), || format!("query:{}", brief(name)));
            }
        }
        for id in self.find(target.path.as_str().as_bytes()) {
            let mut schemes = connector.schemes().iter();
            let is_place = schemes.any(|scheme| scheme.writes_path());
            presented.add(id, is_place, || "path".to_owned());
        }
        if let Some(body) = &request.payload.body {
            // Each place takes one; any more of them stand elsewhere.
            let mut places = request.input.options.client_credentials.iter();
            for id in self.find(body) {
                match places.next() {
                    Some(place) => presented.add(id, true, || place.clone()),
                    None => presented.add(id, false, || "body".to_owned()),
                }
            }
        }
        presented
    }
}

impl Presented {
    /// Adds a placeholder once for each place.
    fn add(&mut self, id: &CredentialId, is_place: bool, place: impl Fn() -> String) {
        let list = if is_place {
            &mut self.in_place
        } else {
            &mut self.elsewhere
        };
        let found = (id.clone(), place());
        if !list.contains(&found) {
            list.push(found);
        }
    }

    /// Returns the credential that the request asks for by its placeholder.
    pub(super) fn credential(&self) -> Option<&CredentialId> {
        self.in_place.first().map(|(id, _)| id)
    }

    /// Returns where placeholders are that stand for nothing there: `id@header:x-other`. Tells the first few of them.
    pub(super) fn told(&self, connector: &Connector, keyring: &Keyring) -> Vec<String> {
        let is_own = |id: &CredentialId| {
            let credential = keyring.get(id);
            credential.is_some_and(|credential| credential.connector == connector.id())
        };
        let misplaced = self.in_place.iter().filter(|(id, _)| !is_own(id));
        let places = misplaced.chain(&self.elsewhere);
        let told = places.map(|(id, place)| format!("{id}@{place}"));
        told.take(MAX_TOLD).collect()
    }

    /// Refuses a placeholder where another credential goes, or anywhere where its connector says so, and a request without one
    /// where the scheme requires it.
    ///
    /// # Errors
    /// `placeholder_leak`, `placeholder_required`
    pub(super) fn check(
        &self,
        connector: &Connector,
        injection: &Injection,
        (snapshot, keyring): (&Snapshot, &Keyring),
    ) -> Result<(), Refusal> {
        let put_on = injection.credential();
        let misplaced = self.in_place.iter().find(|(id, _)| Some(id) != put_on);
        let refuses = |id: &CredentialId| {
            let credential = keyring.get(id)?;
            let connector = snapshot.catalog().get(&credential.connector)?;
            let scheme = connector.put_on(&credential).ok().flatten()?;
            Some(scheme.on_leak() == OnLeak::Refuse)
        };
        let leaked = misplaced.or_else(|| {
            let mut elsewhere = self.elsewhere.iter();
            elsewhere.find(|(id, _)| refuses(id).unwrap_or(false))
        });
        if let Some((id, place)) = leaked {
            let detail = format!(
                "The placeholder of the credential `{id}` stands in `{place}`, where that credential does not go."
            );
            return Err(Refusal::because(Code::PlaceholderLeak, detail));
        }
        if let Injection::Credential(credential) = injection {
            let scheme = connector.put_on(credential).ok().flatten();
            let requires = scheme.is_some_and(|scheme| scheme.requires_placeholder());
            if requires && self.in_place.is_empty() {
                return Err(Code::PlaceholderRequired.into());
            }
        }
        Ok(())
    }
}

/// Returns user name and password of `Basic` (RFC 7617).
fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, pair) = value.split_at_checked(6)?;
    scheme
        .eq_ignore_ascii_case(b"basic ")
        .then(|| STANDARD.decode(pair.trim_ascii()).ok())?
}
