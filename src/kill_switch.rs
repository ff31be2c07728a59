//! The kill switch: a request's agent and connector in, the halt that holds it back out. It stands above every policy.
//!
//! INVARIANT: a halt that could not be kept stays in force here, whatever the store says, until it is lifted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::halt::{Halt, Scope};

/// What is halted, in memory. Reading it takes no lock.
#[derive(Debug, Default)]
pub struct KillSwitch(ArcSwap<Halts>);

#[derive(Debug, Clone, Default)]
struct Halts(BTreeMap<Scope, Entry>);

#[derive(Debug, Clone)]
struct Entry {
    halt: Arc<Halt>,
    kept: Kept,
}

/// Whether the store knows of a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Here,
    InStore,
}

impl KillSwitch {
    /// Puts a halt in force at once. Until [`KillSwitch::note_kept`] says that the store has it, `replace` leaves it.
    pub fn halt(&self, halt: &Halt) {
        let entry = Entry {
            halt: Arc::new(halt.clone()),
            kept: Kept::Here,
        };
        self.change(|halts| drop(halts.0.insert(halt.scope.clone(), entry.clone())));
    }

    /// Notes that the store has the halt of a scope.
    pub fn note_kept(&self, scope: &Scope) {
        self.change(|halts| {
            if let Some(entry) = halts.0.get_mut(scope) {
                entry.kept = Kept::InStore;
            }
        });
    }

    /// Ends the halt of a scope. Take it out of the store first, or the next `replace` brings it back.
    pub fn lift(&self, scope: &Scope) {
        self.change(|halts| drop(halts.0.remove(scope)));
    }

    /// Takes over what the store holds.
    pub fn replace(&self, stored: &[Halt]) {
        self.change(|halts| {
            halts.0.retain(|_, entry| entry.kept == Kept::Here);
            for halt in stored {
                let entry = Entry {
                    halt: Arc::new(halt.clone()),
                    kept: Kept::InStore,
                };
                halts.0.insert(halt.scope.clone(), entry);
            }
        });
    }

    /// Returns what holds an agent back whatever it asks for.
    #[must_use]
    pub fn holds_agent(&self, agent: &str) -> Option<Arc<Halt>> {
        let halts = self.0.load();
        if halts.0.is_empty() {
            return None;
        }
        let named = || halts.0.get(&Scope::Agent(agent.to_owned()));
        let entry = halts.0.get(&Scope::All).or_else(named)?;
        Some(Arc::clone(&entry.halt))
    }

    /// Returns what holds requests to a connector back.
    #[must_use]
    pub fn holds_connector(&self, connector: &str) -> Option<Arc<Halt>> {
        let halts = self.0.load();
        if halts.0.is_empty() {
            return None;
        }
        let entry = halts.0.get(&Scope::Connector(connector.to_owned()))?;
        Some(Arc::clone(&entry.halt))
    }

    /// Returns the halt of exactly this scope.
    #[must_use]
    pub fn get(&self, scope: &Scope) -> Option<Arc<Halt>> {
        Some(Arc::clone(&self.0.load().0.get(scope)?.halt))
    }

    /// Returns everything that is halted: all first, then connectors, then agents, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Halt>> {
        let halts = self.0.load();
        halts
            .0
            .values()
            .map(|entry| Arc::clone(&entry.halt))
            .collect()
    }

    /// Swaps in a changed copy; a change that another thread made meanwhile is not lost.
    fn change(&self, change: impl Fn(&mut Halts)) {
        self.0.rcu(|halts| {
            let mut halts = Halts::clone(halts);
            change(&mut halts);
            halts
        });
    }
}
