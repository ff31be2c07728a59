//! Makes room for the slots that agents name, without forgetting tokens that may still work.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use super::slot::Slot;
use super::token::MintedToken;

/// Most slots of one credential; agents choose what a slot is named by.
pub(super) const MAX_SLOTS: usize = 256;

/// Most tokens of slots that are gone that answers are still searched for: those of all slots at once.
const MAX_FORGOTTEN: usize = 2 * MAX_SLOTS;

/// Takes slots away that no request can use now, where there are many; what they hold is still searched for. That without a name
/// stays: it also holds what was replaced.
pub(super) fn make_room(
    slots: &mut BTreeMap<Box<str>, Slot>,
    forgotten: &mut VecDeque<Arc<MintedToken>>,
    now: SystemTime,
) {
    if slots.len() < MAX_SLOTS {
        return;
    }
    slots.retain(|name, slot| {
        let usable = slot.current.as_ref();
        let is_kept = name.is_empty()
            || usable.is_some_and(|token| token.is_usable(now))
            || slot.flying().is_some();
        if !is_kept {
            forgotten.extend(slot.past.drain(..).chain(slot.current.take()));
        }
        is_kept
    });
    while forgotten.len() > MAX_FORGOTTEN {
        forgotten.pop_front();
    }
}
