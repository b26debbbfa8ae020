//! Which nodes of a graph are in cycles together.

/// The number of each node's strongly connected component: two nodes have the same one exactly
/// if each depends on the other. Each node comes with those that it depends on.
///
/// Chains may be long, so nothing here calls itself.
pub(super) fn components(sources: &[Vec<usize>]) -> Vec<usize> {
    let mut component: Vec<Option<usize>> = vec![None; sources.len()];
    let dependents = backward(sources);
    for (number, first) in finished(sources).into_iter().rev().enumerate() {
        let mut waiting = vec![first];
        while let Some(node) = waiting.pop() {
            if component[node].is_none() {
                component[node] = Some(number);
                waiting.extend(&dependents[node]);
            }
        }
    }
    component
        .into_iter()
        .map(Option::unwrap_or_default)
        .collect()
}

fn backward(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut backward = vec![Vec::new(); edges.len()];
    for (from, ends) in edges.iter().enumerate() {
        for to in ends {
            backward[*to].push(from);
        }
    }
    backward
}

/// The nodes in the order in which a search in depth leaves them.
fn finished(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut is_seen = vec![false; edges.len()];
    let mut finished = Vec::new();
    for first in 0..edges.len() {
        // Each with how many of its edges were followed.
        let mut path = Vec::new();
        if !std::mem::replace(&mut is_seen[first], true) {
            path.push((first, 0));
        }
        while let Some((node, followed)) = path.last_mut() {
            let Some(next) = edges[*node].get(*followed).copied() else {
                finished.push(*node);
                path.pop();
                continue;
            };
            *followed += 1;
            if !std::mem::replace(&mut is_seen[next], true) {
                path.push((next, 0));
            }
        }
    }
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_depend_on_each_other_are_together() {
        // 0 and 1 are a cycle, 2 is behind it, 3 and 4 are another one behind that, 5 is alone.
        let sources = [vec![1], vec![0], vec![1], vec![2, 4], vec![3], vec![]];
        let found = components(&sources);
        for (one, other) in (0..6).flat_map(|one| (0..6).map(move |other| (one, other))) {
            let together = [[0, 1], [3, 4]]
                .iter()
                .any(|pair| pair.contains(&one) && pair.contains(&other));
            assert_eq!(
                found[one] == found[other],
                one == other || together,
                "{one}, {other}"
            );
        }
    }

    #[test]
    fn a_long_cycle_is_one() {
        let sources: Vec<_> = (0..200_000)
            .map(|node| vec![(node + 1) % 200_000])
            .collect();
        let found = components(&sources);
        assert!(found.iter().all(|number| *number == found[0]));
    }
}
