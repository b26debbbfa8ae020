/// What a node says of itself in its `CLUSTER NODES`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnView {
    pub(super) is_master: bool,
    pub(super) epoch: u64,
    ranges: Vec<(u16, u16)>,
}

impl OwnView {
    /// Reads the line with `myself` in it.
    pub(super) fn parse(nodes: &str) -> Option<Self> {
        nodes
            .lines()
            .find_map(|line| Self::parse_line(&line.split_whitespace().collect::<Vec<_>>()))
    }

    pub(super) fn owns(&self, slot: u16) -> bool {
        let holds = |&(first, last): &(u16, u16)| (first..=last).contains(&slot);
        self.is_master && self.ranges.iter().any(holds)
    }

    /// `id address flags master ping-sent pong-received epoch link-state slots...`
    fn parse_line(words: &[&str]) -> Option<Self> {
        let flags: Vec<&str> = words.get(2)?.split(',').collect();
        if !flags.contains(&"myself") {
            return None;
        }
        Some(Self {
            is_master: flags.contains(&"master"),
            epoch: words.get(6)?.parse().ok()?,
            ranges: words[8.min(words.len())..]
                .iter()
                .filter_map(|word| parse_range(word))
                .collect(),
        })
    }
}

/// `0-5460` or `7`; slots on the move (`[7->-id]`) are none.
fn parse_range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
a1 127.0.0.1:1@2 master - 0 0 2 connected 9-10
b2 127.0.0.1:3@4 myself,master - 0 0 7 connected 0-5 8 [8->-a1]
";

    #[test]
    fn a_node_owns_what_its_own_line_says() {
        let view = OwnView::parse(NODES).expect("a view");
        assert_eq!(view.epoch, 7);
        let owned: Vec<u16> = (0..12).filter(|slot| view.owns(*slot)).collect();
        assert_eq!(owned, [0, 1, 2, 3, 4, 5, 8]);
    }

    #[test]
    fn a_replica_owns_nothing() {
        let view = OwnView::parse("c 127.0.0.1:1@2 myself,slave a1 0 0 2 connected");
        assert!(!view.expect("a view").owns(0));
        assert_eq!(OwnView::parse("no node at all"), None);
    }
}
