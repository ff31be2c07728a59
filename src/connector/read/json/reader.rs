//! Reads a JSON body in one pass: checks everything that two parsers could read differently, takes what the plan names.

mod state;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::connector::model::plan::{Node, Plan};
use crate::connector::read::json::Fields;
use crate::connector::read::json::keys::{KeySeed, Seen};
use crate::connector::read::json::reader::state::State;
use crate::connector::read::json::text::Text;
use crate::connector::read::json::tree::Tree;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::show::brief;
use crate::model::target::overrides_method;
use crate::model::value::Value;

/// Reads a body that is not empty.
pub(crate) fn read(bytes: &[u8], plan: &Plan, room: &mut Room<'_>) -> Result<Fields, Unreadable> {
    let before = (room.nodes, room.copied);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut state = State::new(plan, room);
        let mut text = Text::new(text);
        let outcome = state.root().deserialize(&mut text);
        let outcome = outcome.and_then(|()| text.end());
        if outcome.is_ok() || state.is_stopped() {
            return state.finish(outcome);
        }
    }
    // What is wrong with it, and where, `serde_json` says.
    (room.nodes, room.copied) = before;
    let mut state = State::new(plan, room);
    let outcome = read_whole(&mut state, serde_json::Deserializer::from_slice(bytes));
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

/// A place in the body, and what is read there.
struct Cursor<'p, 'n, 'm, 's> {
    node: Option<&'p Node>,
    state: &'s mut State<'p, 'n, 'm>,
}

impl<'p, 'n, 'm> State<'p, 'n, 'm> {
    fn root(&mut self) -> Cursor<'p, 'n, 'm, '_> {
        Cursor {
            node: Some(&self.plan.root),
            state: self,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Cursor<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.state.count()?;
        deserializer.deserialize_any(self)
    }
}

impl Cursor<'_, '_, '_, '_> {
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
            self.state.mark(slots, |slot| slot.misfit = true);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Cursor<'_, '_, '_, '_> {
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
            state.mark(&node.values, |slot| slot.misfit = true);
            state.mark(&node.through_names, |slot| slot.misfit = true);
            state.mark(&node.through_items, |slot| slot.reached = true);
        }
        let mut index = 0;
        loop {
            let indexed = node
                .and_then(|node| node.indices.iter().find(|(at, _)| *at == index))
                .map(|(_, node)| node);
            let below = indexed.or_else(|| node.and_then(|node| node.items.as_deref()));
            if items
                .next_element_seed(Cursor {
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
                state.mark(slots, |slot| slot.misfit = true);
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
            if !state.unique
                && let Err(twice) = seen.insert(key)
            {
                return Err(state.stop(format!(
                    "the body has the key `{}` twice in one object",
                    brief(&twice)
                )));
            }
            entries.next_value_seed(Cursor {
                node: below,
                state: &mut *state,
            })?;
        }
        state.depth -= 1;
        Ok(())
    }
}
