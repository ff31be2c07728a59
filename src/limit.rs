//! Counts what agents use of shared resources and refuses what would go over a limit. A `Share` counts for as long as it lives.
//!
//! INVARIANT: of everything that is counted here an agent holds at most its part, so what is left is for the others.

mod pre_auth;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::model::agent::AgentName;
use crate::model::table::Table;

pub use pre_auth::{Evicted, PreAuthQueue, PreAuthSlot};

/// How much there is of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// For all agents together.
    pub total: usize,
    /// For each agent, in the same unit as `total`.
    pub per_agent: usize,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The bound on [`Resource::Tunnels`], in connections.
    pub tunnels: Bound,
    /// The bound on [`Resource::Streams`], in requests.
    pub streams: Bound,
    /// The bound on [`Resource::Bodies`], in bytes.
    pub bodies: Bound,
}

/// A resource that all agents share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Connections that are kept for an agent.
    Tunnels,
    /// Requests under way, waiting ones included.
    Streams,
    /// Bytes of bodies in memory.
    Bodies,
}

/// The scope of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The limit of the one agent.
    Agent,
    /// That of all agents together.
    All,
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The resource that ran out.
    pub resource: Resource,
    /// Whether the agent's limit or the total was reached.
    pub whose: Whose,
}

/// Counts what agents use. An agent's counts are kept for good: there are as many as operators have named.
pub struct Limits {
    bounds: Bounds,
    all: Arc<Usage>,
    agents: ArcSwap<Table<AgentName, Arc<AgentUsage>>>,
}

/// Amounts in use, by resource.
#[derive(Debug, Default)]
struct Usage([AtomicUsize; 3]);

/// What one agent uses, and what it is a part of: a share holds both by one count of its holders, which is per agent.
#[derive(Debug)]
struct AgentUsage {
    own: Usage,
    all: Arc<Usage>,
}

/// A part of a resource that is in use. Dropping it gives it back.
pub struct Share {
    resource: Resource,
    bound: Bound,
    amount: usize,
    usage: Arc<AgentUsage>,
}

impl Limits {
    /// Starts with nothing in use.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            all: Arc::default(),
            agents: ArcSwap::default(),
        }
    }

    /// Takes a part of a resource for an agent. Without a lock, and without memory but for an agent that was never seen.
    ///
    /// # Errors
    /// When the agent, or all together, would use more than there is; nothing is taken then.
    pub fn take(
        &self,
        agent: &AgentName,
        resource: Resource,
        amount: usize,
    ) -> Result<Share, Reached> {
        let mut share = Share {
            resource,
            bound: self.bound(resource),
            amount: 0,
            usage: self.usage(agent),
        };
        share.grow(amount)?;
        Ok(share)
    }

    /// Returns how much all agents use.
    #[must_use]
    pub fn used(&self, resource: Resource) -> usize {
        self.all.of(resource).load(Ordering::Acquire)
    }

    fn bound(&self, resource: Resource) -> Bound {
        match resource {
            Resource::Tunnels => self.bounds.tunnels,
            Resource::Streams => self.bounds.streams,
            Resource::Bodies => self.bounds.bodies,
        }
    }

    fn usage(&self, agent: &AgentName) -> Arc<AgentUsage> {
        if let Some(usage) = self.agents.load().get(agent) {
            return Arc::clone(usage);
        }
        let new = Arc::new(AgentUsage {
            own: Usage::default(),
            all: Arc::clone(&self.all),
        });
        self.agents.rcu(|agents| {
            let mut agents = Table::clone(agents);
            // Another request of the agent may have been quicker.
            agents
                .entry(agent.clone())
                .or_insert_with(|| Arc::clone(&new));
            agents
        });
        self.agents.load().get(agent).map_or(new, Arc::clone)
    }
}

impl Usage {
    fn of(&self, resource: Resource) -> &AtomicUsize {
        let Self([tunnels, streams, bodies]) = self;
        match resource {
            Resource::Tunnels => tunnels,
            Resource::Streams => streams,
            Resource::Bodies => bodies,
        }
    }
}

impl Share {
    /// Takes more of the same.
    ///
    /// # Errors
    /// When the agent, or all together, would use more than there is; nothing more is taken then.
    pub fn grow(&mut self, more: usize) -> Result<(), Reached> {
        let resource = self.resource;
        let reached = |whose| Reached { resource, whose };
        let AgentUsage { own, all } = &*self.usage;
        if !add(own.of(resource), more, self.bound.per_agent) {
            return Err(reached(Whose::Agent));
        }
        if !add(all.of(resource), more, self.bound.total) {
            subtract(own.of(resource), more);
            return Err(reached(Whose::All));
        }
        self.amount += more;
        Ok(())
    }

    /// Releases everything above `amount`.
    pub fn shrink_to(&mut self, amount: usize) {
        let over = self.amount.saturating_sub(amount);
        self.give_back(over);
    }

    fn give_back(&mut self, amount: usize) {
        // Nothing is over where a body is as long as its head says, and each subtraction waits for all other processors.
        if amount == 0 {
            return;
        }
        self.amount -= amount;
        let AgentUsage { own, all } = &*self.usage;
        for usage in [own, all] {
            subtract(usage.of(self.resource), amount);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.amount);
    }
}

impl Resource {
    /// Returns the plural noun for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tunnels => "connections",
            Self::Streams => "requests under way",
            Self::Bodies => "bytes of request bodies",
        }
    }
}

impl Reached {
    /// Returns the setting that would have to be higher.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match (self.resource, self.whose) {
            (Resource::Tunnels, Whose::All) => "tunnels",
            (Resource::Tunnels, Whose::Agent) => "tunnels_per_agent",
            (Resource::Streams, Whose::All) => "streams",
            (Resource::Streams, Whose::Agent) => "streams_per_agent",
            (Resource::Bodies, Whose::All) => "body_total",
            (Resource::Bodies, Whose::Agent) => "body_per_agent",
        }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.resource.as_str();
        match self.whose {
            Whose::Agent => write!(f, "This agent has too many {resource}."),
            Whose::All => write!(f, "The gateway has too many {resource}."),
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("bounds", &self.bounds)
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("resource", &self.resource)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// Adds unless it would be more than `most`.
fn add(used: &AtomicUsize, amount: usize, most: usize) -> bool {
    let more = |used: usize| used.checked_add(amount).filter(|sum| *sum <= most);
    used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
        .is_ok()
}

fn subtract(used: &AtomicUsize, amount: usize) {
    used.fetch_sub(amount, Ordering::AcqRel);
}
