//! How far a scan has come.

use larder_cache_core::{Cursor, Result};

use super::super::slot::Slot;
use super::super::view::Place as Address;
use super::own_view::{Leaving, OwnView};
use super::slot_set::SlotSet;
use crate::commands::{Place, foreign};

/// How far a scan has come. The cursor holds all of it, so that a scan that is given up
/// leaves nothing behind.
///
/// A slot is done when one node held it from the beginning of a pass over that node's keys
/// to the end. Of a slot on its way, keys go from the one node to the other alone: it is
/// done after a pass over the first and then, begun afterwards, one over the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Slots that are not done.
    pub(super) left: SlotSet,
    /// Slots on their way, after the pass over where they come from.
    pub(super) half: Vec<Leaving>,
    pub(super) pass: Option<Pass>,
    /// How many passes were begun.
    pub(super) passes: u32,
}

/// A pass over one node's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) member: u64,
    pub(super) place: Place,
    /// The slots that the node held when the pass began.
    pub(super) held: SlotSet,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            left: SlotSet::all(),
            half: Vec::new(),
            pass: None,
            passes: 0,
        }
    }

    /// The first slot for which the node that holds it should be visited.
    pub(super) fn next_slot(&self) -> Option<Slot> {
        let is_half = |slot: Slot| self.half.iter().any(|leaving| leaving.slot == slot);
        self.left.iter().find(|&slot| !is_half(slot))
    }

    /// Whether a pass over a node would bring the scan on.
    pub(super) fn is_served_by(&self, node: &OwnView) -> bool {
        self.left.meets(&node.slots) || self.half.iter().any(|leaving| leaving.to == node.id)
    }

    /// The pass is over, and this is how the node sees its slots now.
    pub(super) fn passed(&mut self, node: OwnView) {
        let Some(pass) = self.pass.take() else {
            return;
        };
        let is_leaving = |slot: Slot| node.leaving.iter().any(|leaving| leaving.slot == slot);
        let mut done = pass.held.clone();
        done.keep_all(&node.slots);
        // Slots of which all keys that had not been seen before were here, or came here.
        let mut followed = pass.held;
        let (arrived, elsewhere) = std::mem::take(&mut self.half)
            .into_iter()
            .partition::<Vec<_>, _>(|half| half.to == node.id);
        self.half = elsewhere;
        for half in arrived {
            followed.insert(half.slot);
            if node.slots.contains(half.slot) || node.coming.contains(half.slot) {
                done.insert(half.slot);
            }
        }
        node.leaving.iter().for_each(|half| done.remove(half.slot));
        self.left.remove_all(&done);
        self.half
            .retain(|half| self.left.contains(half.slot) && !is_leaving(half.slot));
        let halves = node.leaving.into_iter();
        self.half.extend(
            halves.filter(|half| self.left.contains(half.slot) && followed.contains(half.slot)),
        );
    }

    pub(super) fn read(cursor: &Cursor) -> Result<Self> {
        if cursor.place().is_empty() {
            return Ok(Self::start());
        }
        let text = std::str::from_utf8(cursor.place()).ok();
        text.and_then(read).ok_or_else(foreign)
    }

    /// `left;half;passes;member;place;held`, the last three empty between two passes.
    pub(super) fn write(&self) -> Cursor {
        let half = self.half.iter().map(|leaving| {
            let Leaving { slot, to, place } = leaving;
            format!("{}>{to}@{}:{}", slot.0, place.host, place.port)
        });
        let half: Vec<_> = half.collect();
        let (left, passes) = (&self.left, self.passes);
        let pass = self.pass.as_ref().map_or(";;".to_owned(), |pass| {
            format!("{};{};{}", pass.member, pass.place.write(), pass.held)
        });
        Cursor::new(format!("{left};{};{passes};{pass}", half.join(",")).into())
    }
}

fn read(text: &str) -> Option<Progress> {
    let parts: Vec<&str> = text.split(';').collect();
    let [left, half, passes, member, place, held] = parts[..] else {
        return None;
    };
    let half = half.split(',').filter(|leaving| !leaving.is_empty());
    let pass = if member.is_empty() {
        None
    } else {
        Some(Pass {
            member: member.parse().ok()?,
            place: Place::read(place.as_bytes()).ok()?,
            held: SlotSet::read(held)?,
        })
    };
    Some(Progress {
        left: SlotSet::read(left)?,
        half: half.map(leaving).collect::<Option<_>>()?,
        pass,
        passes: passes.parse().ok()?,
    })
}

fn leaving(text: &str) -> Option<Leaving> {
    let (slot, rest) = text.split_once('>')?;
    let (to, place) = rest.split_once('@')?;
    let (host, port) = place.rsplit_once(':')?;
    Some(Leaving {
        slot: Slot(slot.parse().ok()?),
        to: to.to_owned(),
        place: Address::named(host, port.parse().ok()?, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &str) -> SlotSet {
        SlotSet::read(ranges).unwrap()
    }

    fn to(slot: u16, to: &str) -> Leaving {
        Leaving {
            slot: Slot(slot),
            to: to.to_owned(),
            place: Address::named("::1", 7001, ""),
        }
    }

    fn node(id: &str, slots: &str, leaving: &[Leaving], coming: &str) -> OwnView {
        OwnView {
            id: id.to_owned(),
            slots: set(slots),
            leaving: leaving.to_vec(),
            coming: set(coming),
        }
    }

    fn pass_over(progress: &mut Progress, held: &str, after: OwnView) {
        progress.pass = Some(Pass {
            member: 1,
            place: Place::default(),
            held: set(held),
        });
        progress.passed(after);
    }

    #[test]
    fn slots_that_stay_are_done() {
        let mut progress = Progress::start();
        pass_over(&mut progress, "0-8000", node("a", "0-8000", &[], ""));
        assert_eq!(progress.next_slot(), Some(Slot(8001)));
        pass_over(
            &mut progress,
            "8001-16383",
            node("b", "8001-16383", &[], ""),
        );
        assert_eq!(progress.next_slot(), None);
        assert!(progress.left.is_empty());
    }

    #[test]
    fn slots_that_come_or_go_during_a_pass_are_not_done() {
        let mut progress = Progress::start();
        pass_over(&mut progress, "0-100", node("a", "50-150", &[], ""));
        assert_eq!(progress.left, set("0-49,101-16383"));
        // A primary that has become a replica.
        pass_over(&mut progress, "101-200", node("b", "", &[], ""));
        assert_eq!(progress.left, set("0-49,101-16383"));
    }

    #[test]
    fn a_slot_on_its_way_is_done_after_both_nodes_in_this_order() {
        let mut progress = Progress::start();
        progress.left = set("7,9");
        // The target first: its pass doesn't count.
        pass_over(&mut progress, "9", node("b", "9", &[], "7"));
        assert_eq!(progress.left, set("7"));
        let source = node("a", "7", &[to(7, "b")], "");
        assert!(progress.is_served_by(&source));
        pass_over(&mut progress, "7", source.clone());
        assert_eq!((&progress.left, progress.next_slot()), (&set("7"), None));
        assert_eq!(progress.half, [to(7, "b")]);
        assert!(progress.is_served_by(&node("b", "9", &[], "7")));
        let mut arrived = progress.clone();
        pass_over(&mut progress, "9", node("b", "9", &[], "7"));
        assert!(progress.left.is_empty() && progress.half.is_empty());
        pass_over(&mut arrived, "9", node("b", "7,9", &[], ""));
        assert!(arrived.left.is_empty());
    }

    #[test]
    fn a_slot_that_goes_on_at_once_is_followed() {
        let mut progress = Progress::start();
        progress.left = set("7");
        pass_over(&mut progress, "7", node("a", "7", &[to(7, "b")], ""));
        pass_over(&mut progress, "9", node("b", "7,9", &[to(7, "c")], ""));
        assert_eq!(
            (&progress.left, &progress.half),
            (&set("7"), &vec![to(7, "c")])
        );
        pass_over(&mut progress, "8", node("c", "7-8", &[], ""));
        assert!(progress.left.is_empty());
    }

    #[test]
    fn a_slot_whose_way_was_given_up_begins_anew() {
        let mut progress = Progress::start();
        progress.left = set("7");
        pass_over(&mut progress, "7", node("a", "7", &[to(7, "b")], ""));
        pass_over(&mut progress, "9", node("b", "9", &[], ""));
        assert_eq!(
            (progress.next_slot(), progress.half.len()),
            (Some(Slot(7)), 0)
        );
    }

    #[test]
    fn cursors_are_read_back_and_others_refused() {
        let mut progress = Progress::start();
        assert_eq!(Progress::read(&Cursor::start()).unwrap(), progress);
        progress.half = vec![to(7, "b"), to(8, "c")];
        progress.passes = 3;
        assert_eq!(Progress::read(&progress.write()).unwrap(), progress);
        progress.pass = Some(Pass {
            member: 12,
            place: Place::read(b"3:99").unwrap(),
            held: set("0-5,9"),
        });
        assert_eq!(Progress::read(&progress.write()).unwrap(), progress);
        for wrong in [
            "1:2",
            ";;;;;",
            "0;;x;;;",
            "0;;1;2;3;4",
            "0;7;1;;;",
            "99999;;1;;;",
        ] {
            assert!(
                Progress::read(&Cursor::new(wrong.into())).is_err(),
                "{wrong}"
            );
        }
    }
}
