//! What a node says of its own slots.

use larder_cache_core::Result;

use super::super::slot::{SLOTS, Slot};
use super::super::view::Place;
use super::slot_set::SlotSet;
use crate::error::unexpected_reply;
use crate::lane::Turn;

/// What a node says of its own slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnView {
    pub(super) id: String,
    pub(super) slots: SlotSet,
    /// Slots that are on their way elsewhere.
    pub(super) leaving: Vec<Leaving>,
    /// Slots that are on their way here.
    pub(super) coming: SlotSet,
}

/// A slot that is on its way elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) slot: Slot,
    /// The identity of the node that it goes to.
    pub(super) to: String,
    pub(super) place: Place,
}

pub(super) async fn ask(turn: &Turn<'_>, host: &str) -> Result<OwnView> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("NODES");
    let answer = turn.run(turn.link().ask(&question)).await?;
    let text: String = redis::from_redis_value(answer).map_err(|_| unexpected_reply("text"))?;
    read(&text, host).ok_or_else(|| unexpected_reply("a line for each node"))
}

/// Reads the answer to `CLUSTER NODES`: a line for each node, `id host:port@bus[,name] flags
/// primary ping pong epoch link slots..`, with slots that move on the own line alone.
fn read(text: &str, host: &str) -> Option<OwnView> {
    let is_own = |line: &&str| {
        let flags = line.split(' ').nth(2).unwrap_or_default();
        flags.split(',').any(|flag| flag == "myself")
    };
    let mut words = text.lines().find(is_own)?.split(' ');
    let mut view = OwnView {
        id: words.next()?.to_owned(),
        slots: SlotSet::none(),
        leaving: Vec::new(),
        coming: SlotSet::none(),
    };
    for word in words.skip(7).filter(|word| !word.is_empty()) {
        let Some(moving) = word.strip_prefix('[') else {
            view.slots.read_range(word)?;
            continue;
        };
        let moving = moving.strip_suffix(']')?;
        if let Some((slot, to)) = moving.split_once("->-") {
            view.leaving.push(Leaving {
                slot: read_slot(slot)?,
                place: place_of(text, to, host)?,
                to: to.to_owned(),
            });
        } else {
            view.coming.insert(read_slot(moving.split_once("-<-")?.0)?);
        }
    }
    Some(view)
}

fn read_slot(slot: &str) -> Option<Slot> {
    slot.parse().ok().filter(|&slot| slot < SLOTS).map(Slot)
}

fn place_of(text: &str, id: &str, asked: &str) -> Option<Place> {
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(id))?;
    let address = line.split(' ').nth(1)?;
    let (host, port) = address.split('@').next()?.rsplit_once(':')?;
    Some(Place::named(host, port.parse().ok()?, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
        aa 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-10 12 [11->-bb] [99-<-cc]\n\
        bb 127.0.0.1:7001@17001,name master - 0 1 2 connected 13-20\n\
        dd ::1:7002@17002 slave aa 0 1 1 connected\n";

    #[test]
    fn the_own_line_is_read() {
        let view = read(NODES, "asked").unwrap();
        assert_eq!(view.id, "aa");
        assert_eq!(view.slots.to_string(), "0-10,12");
        assert_eq!(view.coming.to_string(), "99");
        let leaving = Leaving {
            slot: Slot(11),
            to: "bb".to_owned(),
            place: Place::named("127.0.0.1", 7001, ""),
        };
        assert_eq!(view.leaving, [leaving]);
        assert_eq!(
            place_of(NODES, "dd", ""),
            Some(Place::named("::1", 7002, ""))
        );
    }

    #[test]
    fn what_is_no_such_list_is_refused() {
        for wrong in ["", "OK", "aa h:1@2 master - 0 0 1 connected 0-10"] {
            assert_eq!(read(wrong, ""), None, "{wrong}");
        }
        let to_nobody = "aa h:1@2 myself - 0 0 1 connected [1->-zz]";
        assert_eq!(read(to_nobody, ""), None);
    }
}
