//! The one pass over a JSON body: checks everything that two parsers could read differently, takes what the plan names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::connector::model::plan::{Node, Plan};
use crate::connector::read::json::keys::{KeySeed, Seen};
use crate::connector::read::json::tree::Tree;
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};
use crate::model::show::brief;
use crate::model::target::{is_shared_key, overrides_method, same_key};
use crate::model::value::Value;

/// Reads a body that is not empty.
pub(crate) fn read(bytes: &[u8], plan: &Plan, room: &mut Room<'_>) -> Result<Fields, Unreadable> {
    let mut state = State::new(plan, room);
    let outcome = match std::str::from_utf8(bytes) {
        // The parser need not check each text and key again.
        Ok(text) => read_whole(&mut state, serde_json::Deserializer::from_str(text)),
        Err(_) => read_whole(&mut state, serde_json::Deserializer::from_slice(bytes)),
    };
    state.finish(outcome)
}

fn read_whole<'de>(
    state: &mut State<'_, '_, '_>,
    mut deserializer: serde_json::Deserializer<impl serde_json::de::Read<'de>>,
) -> Result<(), serde_json::Error> {
    state.root().deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Reads a tree as if it were a body.
pub(crate) fn read_tree(
    tree: &Tree<'_>,
    plan: &Plan,
    room: &mut Room<'_>,
) -> Result<Fields, Unreadable> {
    let mut state = State::new(plan, room);
    state.unique = true;
    let outcome = state.root().deserialize(tree);
    state.finish(outcome)
}

/// The parser's own words can quote the body, so only the position is kept.
fn not_json(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Eof => {
            format!("the body is not JSON: it ends early, at line {line}, column {column}")
        }
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Data
        | serde_json::error::Category::Io => {
            format!(
                "the body is not JSON, is nested too deeply or has bytes behind its end, at line {line}, column {column}"
            )
        }
    }
}

struct State<'p, 'n, 'm> {
    plan: &'p Plan,
    fields: Fields,
    room: &'n mut Room<'m>,
    depth: usize,
    /// No object has a key twice: a tree has been read as strictly before, and what is shared in it comes by many times.
    unique: bool,
    fault: Option<Unreadable>,
}

/// A place in the body, and what is read there.
struct Place<'p, 'n, 'm, 's> {
    node: Option<&'p Node>,
    state: &'s mut State<'p, 'n, 'm>,
}

impl<'p, 'n, 'm> State<'p, 'n, 'm> {
    fn new(plan: &'p Plan, room: &'n mut Room<'m>) -> Self {
        Self {
            plan,
            fields: plan.nothing(),
            room,
            depth: 0,
            unique: false,
            fault: None,
        }
    }

    fn root(&mut self) -> Place<'p, 'n, 'm, '_> {
        Place {
            node: Some(&self.plan.root),
            state: self,
        }
    }

    fn finish(self, outcome: Result<(), serde_json::Error>) -> Result<Fields, Unreadable> {
        match (self.fault, outcome) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(Unreadable {
                code: UNREADABLE_BODY,
                detail: not_json(&error),
            }),
            (None, Ok(())) => Ok(self.fields),
        }
    }

    fn stop<E: de::Error>(&mut self, detail: String) -> E {
        self.fault = Some(Unreadable {
            code: UNREADABLE_BODY,
            detail,
        });
        E::custom("refused")
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        let taken = self.room.node();
        taken.map_err(|fault| self.refuse(fault))
    }

    fn copy<E: de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        let taken = self.room.copy(bytes);
        taken.map_err(|fault| self.refuse(fault))
    }

    fn refuse<E: de::Error>(&mut self, fault: Unreadable) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    fn each(&mut self, slots: &[usize], mark: impl Fn(&mut Slot)) {
        for slot in slots {
            if let Some((_, slot)) = self.fields.slots.get_mut(*slot) {
                mark(slot);
            }
        }
    }

    /// Takes a value, copied from so many bytes, into each of these slots.
    fn push<E: de::Error>(
        &mut self,
        slots: &[usize],
        value: impl Fn() -> Value,
        bytes: usize,
    ) -> Result<(), E> {
        for slot in slots {
            if let Some((_, slot)) = self.fields.slots.get_mut(*slot)
                && let Err(fault) = slot.push(&value, bytes, self.room)
            {
                return Err(self.refuse(fault));
            }
        }
        Ok(())
    }

    fn present<E: de::Error>(&mut self, node: &Node) -> Result<(), E> {
        self.push(&node.presence, || Value::Bool(true), 0)
    }

    /// Refuses a key that no path names, and that some server takes for one that a path does.
    fn check_spelling<E: de::Error>(&mut self, key: &str, node: Option<&Node>) -> Result<(), E> {
        let read = node.map_or(&[][..], |node| &node.names);
        let read = read.iter().map(|(name, _)| name);
        let anywhere = &self.plan.anywhere;
        let reads = read.len() > 0 || !anywhere.is_empty();
        if is_shared_key(key) && (reads || key == "__proto__") {
            return Err(self.stop(format!("the body has the key `{key}`; leave it out")));
        }
        // A NUL ends a key for servers written in C.
        let ended = reads && key.bytes().any(|byte| byte < b' ');
        if !ended && !read.chain(anywhere).any(|name| same_key(name, key)) {
            return Ok(());
        }
        let detail = format!(
            "the body has the key `{}`, spelled unlike the one that is read",
            brief(key)
        );
        Err(self.stop(detail))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.state.count()?;
        deserializer.deserialize_any(self)
    }
}

impl Place<'_, '_, '_, '_> {
    /// Takes a scalar, given as a function since most scalars are not read.
    fn scalar<E: de::Error>(self, value: impl Fn() -> Value, bytes: usize) -> Result<(), E> {
        let Some(node) = self.node else {
            return Ok(());
        };
        self.state.push(&node.values, value, bytes)?;
        self.state.present(node)?;
        for slots in [
            &node.through_names,
            &node.through_indices,
            &node.through_items,
        ] {
            self.state.each(slots, |slot| slot.misfit = true);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Place<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<(), E> {
        self.scalar(|| Value::Bool(truth), 0)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.scalar(|| Value::Int(number), 0)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(self
                .state
                .stop("the body has an integer outside 64 bits".to_owned())),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        // serde_json turns integers outside 64 bits into floats without a word, so all that large are refused.
        if number.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(self
                .state
                .stop("the body has a number outside 64 bits".to_owned()));
        }
        self.scalar(|| Value::Number(number), 0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.scalar(|| Value::text(text), text.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { node, state } = self;
        if let Some(node) = node {
            state.present(node)?;
            state.each(&node.values, |slot| slot.misfit = true);
            state.each(&node.through_names, |slot| slot.misfit = true);
            state.each(&node.through_items, |slot| slot.reached = true);
        }
        let mut index = 0;
        loop {
            let indexed = node
                .and_then(|node| node.indices.iter().find(|(at, _)| *at == index))
                .map(|(_, node)| node);
            let below = indexed.or_else(|| node.and_then(|node| node.items.as_deref()));
            if items
                .next_element_seed(Place {
                    node: below,
                    state: &mut *state,
                })?
                .is_none()
            {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { node, state } = self;
        if let Some(node) = node {
            state.present(node)?;
            for slots in [&node.values, &node.through_indices, &node.through_items] {
                state.each(slots, |slot| slot.misfit = true);
            }
        }
        let outermost = state.depth == 0;
        state.depth += 1;
        let mut seen = Seen::default();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            let below = node
                .and_then(|node| node.names.iter().find(|(name, _)| **name == *key))
                .map(|(_, node)| node);
            if below.is_none() && !state.plan.anywhere.iter().any(|name| **name == *key) {
                state.check_spelling(&key, node)?;
            }
            if outermost {
                state.fields.overrides_method |= overrides_method(&key);
                if state.plan.keep_keys {
                    state.copy(key.len() + size_of::<String>())?;
                    state.fields.keys.push(key.clone().into_owned());
                }
            }
            if let Cow::Owned(key) = &key {
                state.copy(key.len())?;
            }
            if !state.unique && !seen.insert(key.clone()) {
                return Err(state.stop(format!(
                    "the body has the key `{}` twice in one object",
                    brief(&key)
                )));
            }
            entries.next_value_seed(Place {
                node: below,
                state: &mut *state,
            })?;
        }
        state.depth -= 1;
        Ok(())
    }
}
