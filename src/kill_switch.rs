//! Finds the halt that stops a request, by its agent and connector. The kill switch overrides every policy.
//!
//! INVARIANT: a halt that could not be persisted stays in effect here, whatever the store says, until it is lifted.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::halt::{Halt, Scope};

/// The halts in memory. Reading them takes no lock.
#[derive(Debug, Default)]
pub struct KillSwitch(ArcSwap<Halts>);

#[derive(Debug, Clone, Default)]
struct Halts {
    entries: BTreeMap<Scope, HaltEntry>,
    /// Grows with every change that is made here.
    generation: u64,
}

#[derive(Debug, Clone)]
struct HaltEntry {
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
    /// Starts a halt at once. Until [`KillSwitch::note_kept`] says that the store has it, `replace` leaves it.
    pub fn halt(&self, halt: &Halt) {
        let entry = HaltEntry {
            halt: Arc::new(halt.clone()),
            kept: Kept::Here,
        };
        self.change(|halts| drop(halts.entries.insert(halt.scope.clone(), entry.clone())));
    }

    /// Notes that the store has the halt of a scope.
    pub fn note_kept(&self, scope: &Scope) {
        self.change(|halts| {
            if let Some(entry) = halts.entries.get_mut(scope) {
                entry.kept = Kept::InStore;
            }
        });
    }

    /// Ends the halt of a scope. Take it out of the store first, or the next `replace` brings it back.
    pub fn lift(&self, scope: &Scope) {
        self.change(|halts| drop(halts.entries.remove(scope)));
    }

    /// Returns how many changes were made here so far; for [`KillSwitch::replace`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.load().generation
    }

    /// Loads the store's halts, unless a halt changed here since `generation`, which is read before the store is: an older state
    /// must not undo a change. Returns whether they were loaded; if not, the store must be read again.
    #[must_use]
    pub fn replace(&self, stored: &[Halt], generation: u64) -> bool {
        let taken = Cell::new(false);
        self.0.rcu(|halts| {
            let mut halts = Halts::clone(halts);
            taken.set(halts.generation == generation);
            if !taken.get() {
                return halts;
            }
            halts.entries.retain(|_, entry| entry.kept == Kept::Here);
            for halt in stored {
                let entry = HaltEntry {
                    halt: Arc::new(halt.clone()),
                    kept: Kept::InStore,
                };
                halts.entries.insert(halt.scope.clone(), entry);
            }
            halts
        });
        taken.get()
    }

    /// Returns what holds an agent back whatever it asks for.
    #[must_use]
    pub fn holds_agent(&self, agent: &str) -> Option<Arc<Halt>> {
        let halts = self.0.load();
        if halts.entries.is_empty() {
            return None;
        }
        let named = || halts.entries.get(&Scope::Agent(agent.to_owned()));
        let entry = halts.entries.get(&Scope::All).or_else(named)?;
        Some(Arc::clone(&entry.halt))
    }

    /// Returns what holds requests to a connector back.
    #[must_use]
    pub fn holds_connector(&self, connector: &str) -> Option<Arc<Halt>> {
        let halts = self.0.load();
        if halts.entries.is_empty() {
            return None;
        }
        let entry = halts.entries.get(&Scope::Connector(connector.to_owned()))?;
        Some(Arc::clone(&entry.halt))
    }

    /// Returns what holds back everything that goes to a connector, from all agents and from the gateway itself.
    #[must_use]
    pub fn holds_all_of(&self, connector: &str) -> Option<Arc<Halt>> {
        self.get(&Scope::All)
            .or_else(|| self.holds_connector(connector))
    }

    /// Returns the halt of exactly this scope.
    #[must_use]
    pub fn get(&self, scope: &Scope) -> Option<Arc<Halt>> {
        Some(Arc::clone(&self.0.load().entries.get(scope)?.halt))
    }

    /// Returns everything that is halted: all first, then connectors, then agents, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Halt>> {
        let halts = self.0.load();
        halts
            .entries
            .values()
            .map(|entry| Arc::clone(&entry.halt))
            .collect()
    }

    /// Swaps in a changed copy; a change that another thread made meanwhile is not lost.
    fn change(&self, change: impl Fn(&mut Halts)) {
        self.0.rcu(|halts| {
            let mut halts = Halts::clone(halts);
            change(&mut halts);
            halts.generation += 1;
            halts
        });
    }
}
