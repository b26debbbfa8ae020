//! What an invalidation reaches, and in which order.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::cycles::components;
use super::graph::Graph;
use super::target::Target;
use crate::registry::Keyspace;

/// What an invalidation reaches: each target once, behind all that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cascade {
    /// The targets by level, each level in order. A target's level is the length of the longest
    /// chain of dependencies that leads to it from what the cascade began with; so on level 0
    /// are those of the beginning that depend on nothing else in the cascade, and nothing on a
    /// level depends on anything on the same one.
    pub levels: Vec<Vec<Target>>,
    /// The names of the namespaces that are reached as a whole or in some of their keys, in
    /// order. A tag reaches entries of any namespace, which nobody lists; but a namespace whose
    /// values all carry it is listed.
    pub namespaces: Vec<String>,
}

impl Cascade {
    /// How many dependencies the longest chain has: the last level. 0 where nothing depends on
    /// what the cascade began with.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// All targets, in an order in which none comes before what it depends on.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.levels.iter().flatten()
    }

    /// What these targets reach, in a graph and by the tags that all values of a namespace
    /// carry.
    pub(super) fn of(from: &[Target], graph: &Graph, keyspace: &Keyspace) -> Self {
        let standing = Standing::of(keyspace);
        let reached = reached(from, graph, &standing);
        let namespaces: BTreeSet<&str> =
            reached.iter().filter_map(Target::namespace_name).collect();
        let mut ordered = Ordered::of(&reached, graph, &standing, &Cycles::default());
        if !ordered.left.is_empty() {
            // A namespace whose values carry a tag that depends on that very namespace. The
            // declared order holds, and the tag's on the namespace is given up. That of tags on
            // namespaces that are merely behind such a cycle holds as well.
            let cycles = Cycles::among(&ordered.left, graph, &standing);
            ordered = Ordered::of(&reached, graph, &standing, &cycles);
        }
        Self {
            levels: ordered.levels,
            namespaces: namespaces.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The tags that all values of a namespace carry, both ways.
struct Standing {
    namespaces: HashMap<Arc<str>, Vec<Target>>,
    tags: HashMap<Arc<str>, Vec<Target>>,
}

impl Standing {
    fn of(keyspace: &Keyspace) -> Self {
        let (mut namespaces, mut tags) = (HashMap::new(), HashMap::new());
        for registered in keyspace.list() {
            let settings = registered.settings();
            let namespace = Target::namespace(&settings.name);
            for tag in &settings.tags {
                let with_tag: &mut Vec<Target> = namespaces.entry(tag.as_str().into()).or_default();
                with_tag.push(namespace.clone());
                let of_name: &mut Vec<Target> = tags.entry(registered.name().into()).or_default();
                of_name.push(Target::tag(tag));
            }
        }
        Self { namespaces, tags }
    }

    fn dependents_of(&self, of: &Target) -> &[Target] {
        match of {
            Target::Tag(tag) => self.namespaces.get(tag).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    fn sources_of(&self, of: &Target) -> &[Target] {
        match of {
            Target::Namespace(name) => self.tags.get(name).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }
}

fn reached(from: &[Target], graph: &Graph, standing: &Standing) -> HashSet<Target> {
    let mut reached: HashSet<Target> = from.iter().cloned().collect();
    let mut waiting: Vec<Target> = reached.iter().cloned().collect();
    while let Some(next) = waiting.pop() {
        let declared = graph.dependents_of(&next);
        for dependent in declared.chain(standing.dependents_of(&next)) {
            if reached.insert(dependent.clone()) {
                waiting.push(dependent.clone());
            }
        }
    }
    reached
}

/// Which targets are in cycles together, by a number: those with the same one are.
#[derive(Default)]
struct Cycles(HashMap<Target, usize>);

impl Cycles {
    fn among(left: &HashSet<Target>, graph: &Graph, standing: &Standing) -> Self {
        let all: Vec<&Target> = left.iter().collect();
        let index: HashMap<&Target, usize> = all.iter().copied().zip(0..).collect();
        let sources = |target: &&Target| {
            let tags = standing.sources_of(target).iter().cloned();
            let sources = graph.sources_of(target).chain(tags);
            sources.filter_map(|of| index.get(&of).copied()).collect()
        };
        let sources: Vec<Vec<usize>> = all.iter().map(sources).collect();
        let numbers = components(&sources);
        Self(all.into_iter().cloned().zip(numbers).collect())
    }

    fn has_both(&self, one: &Target, other: &Target) -> bool {
        let number = self.0.get(one);
        number.is_some() && number == self.0.get(other)
    }
}

/// Targets by level, and those that are in a cycle or behind one.
struct Ordered {
    levels: Vec<Vec<Target>>,
    left: HashSet<Target>,
}

impl Ordered {
    /// Orders what was reached. Within a cycle the tags of a namespace mean no order.
    fn of(reached: &HashSet<Target>, graph: &Graph, standing: &Standing, cycles: &Cycles) -> Self {
        let mut missing: HashMap<&Target, usize> = HashMap::new();
        let mut behind: HashMap<Target, Vec<&Target>> = HashMap::new();
        for target in reached {
            let counts = |tag: &&Target| !cycles.has_both(tag, target);
            let tags = standing.sources_of(target).iter().filter(counts).cloned();
            let sources: HashSet<Target> = graph.sources_of(target).chain(tags).collect();
            let sources = sources.into_iter().filter(|of| reached.contains(of));
            let mut count = 0;
            for source in sources {
                behind.entry(source).or_default().push(target);
                count += 1;
            }
            missing.insert(target, count);
        }
        let is_first =
            |(target, count): (&&Target, &usize)| (*count == 0).then(|| (*target).clone());
        let mut level: Vec<Target> = missing.iter().filter_map(is_first).collect();
        let mut left = reached.clone();
        let mut levels = Vec::new();
        while !level.is_empty() {
            let mut next = Vec::new();
            for done in &level {
                left.remove(done);
                for target in behind.get(done).into_iter().flatten() {
                    let Some(count) = missing.get_mut(target) else {
                        continue;
                    };
                    *count -= 1;
                    if *count == 0 {
                        next.push((*target).clone());
                    }
                }
            }
            level.sort_unstable();
            levels.push(std::mem::replace(&mut level, next));
        }
        Self { levels, left }
    }
}
