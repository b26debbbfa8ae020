//! The graph behind the dependencies, without a lock.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::target::Target;

type Edges = HashMap<Target, BTreeSet<Target>>;

/// Who depends on whom. It has no cycles, those that a namespace is part of through its keys
/// included: each of these depends on the whole.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// By what they depend on.
    dependents: Edges,
    /// What they depend on, by dependent.
    sources: Edges,
    /// The keys among both, by namespace.
    keys: HashMap<Arc<str>, BTreeSet<Target>>,
    count: usize,
}

impl Graph {
    /// How many dependencies were declared.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn has(&self, dependent: &Target, on: &Target) -> bool {
        let sources = self.sources.get(dependent);
        sources.is_some_and(|sources| sources.contains(on))
    }

    /// All dependencies as dependent and what it depends on, in order.
    pub(super) fn list(&self) -> Vec<(&Target, &Target)> {
        let of = |(dependent, sources)| std::iter::zip(std::iter::repeat(dependent), sources);
        let mut all: Vec<_> = self.sources.iter().flat_map(of).collect();
        all.sort_unstable();
        all
    }

    /// Adds a dependency that is not there; or says which cycle it would close, beginning with
    /// the dependent and ending before it comes again.
    pub(super) fn add(&mut self, dependent: Target, on: Target) -> Result<(), Vec<Target>> {
        self.note_key(&dependent);
        self.note_key(&on);
        if dependent == on || self.reaches(&dependent, &on) {
            let cycle = self.path_to(&on, &dependent);
            self.forget_key(&dependent);
            self.forget_key(&on);
            return Err(cycle);
        }
        let dependents = self.dependents.entry(on.clone()).or_default();
        dependents.insert(dependent.clone());
        self.sources.entry(dependent).or_default().insert(on);
        self.count += 1;
        Ok(())
    }

    /// Takes a dependency away, and says whether it was there.
    pub(super) fn remove(&mut self, dependent: &Target, on: &Target) -> bool {
        let was_there = take(&mut self.sources, dependent, on);
        if was_there {
            take(&mut self.dependents, on, dependent);
            self.forget_key(dependent);
            self.forget_key(on);
            self.count -= 1;
        }
        was_there
    }

    /// What has to be invalidated where this was.
    pub(super) fn dependents_of<'g>(&'g self, of: &'g Target) -> impl Iterator<Item = &'g Target> {
        let contained = match of {
            Target::Namespace(name) => self.keys.get(name),
            _ => None,
        };
        let declared = self.dependents.get(of).into_iter().flatten();
        declared.chain(contained.into_iter().flatten())
    }

    /// What it depends on.
    pub(super) fn sources_of(&self, of: &Target) -> impl Iterator<Item = Target> {
        let whole = match of {
            Target::Key { namespace, .. } => Some(Target::Namespace(Arc::clone(namespace))),
            _ => None,
        };
        let declared = self.sources.get(of).into_iter().flatten();
        declared.cloned().chain(whole)
    }

    /// Whether what depends on `from`, over however many others, includes `to`.
    ///
    /// Searched from both ends in turn: it costs twice the smaller of the two searches.
    fn reaches(&self, from: &Target, to: &Target) -> bool {
        let mut down = Search::new(from);
        let mut up = Search::new(to);
        loop {
            let Some(next) = down.next() else {
                return false;
            };
            down.extend(self.dependents_of(&next).cloned());
            let Some(next) = up.next() else {
                return false;
            };
            up.extend(self.sources_of(&next));
            if down.seen.contains(to) || up.seen.contains(from) {
                return true;
            }
        }
    }

    /// The shortest way from a dependent to what it depends on in the end, behind that: the
    /// cycle that a dependency of `to` on `from` would close.
    fn path_to(&self, from: &Target, to: &Target) -> Vec<Target> {
        let mut came_from: HashMap<Target, Target> = HashMap::new();
        let mut search = Search::new(from);
        while let Some(next) = search.next() {
            if next == *to {
                break;
            }
            for source in self.sources_of(&next) {
                if search.seen.insert(source.clone()) {
                    came_from.insert(source.clone(), next.clone());
                    search.waiting.push_back(source);
                }
            }
        }
        let mut backward = Vec::new();
        let mut at = (from != to).then(|| came_from.get(to)).flatten();
        while let Some(step) = at {
            backward.push(step.clone());
            at = came_from.get(step);
        }
        std::iter::once(to.clone())
            .chain(backward.into_iter().rev())
            .collect()
    }

    fn note_key(&mut self, target: &Target) {
        if let Target::Key { namespace, .. } = target {
            let keys = self.keys.entry(Arc::clone(namespace)).or_default();
            keys.insert(target.clone());
        }
    }

    /// Forgets a key that no dependency names.
    fn forget_key(&mut self, target: &Target) {
        let is_named = self.sources.contains_key(target) || self.dependents.contains_key(target);
        if let Target::Key { namespace, .. } = target
            && !is_named
            && let Some(keys) = self.keys.get_mut(namespace)
        {
            keys.remove(target);
            if keys.is_empty() {
                self.keys.remove(namespace);
            }
        }
    }
}

/// A search that meets every target once.
struct Search {
    seen: HashSet<Target>,
    waiting: VecDeque<Target>,
}

impl Search {
    fn new(from: &Target) -> Self {
        Self {
            seen: HashSet::from([from.clone()]),
            waiting: VecDeque::from([from.clone()]),
        }
    }

    fn next(&mut self) -> Option<Target> {
        self.waiting.pop_front()
    }

    fn extend(&mut self, targets: impl Iterator<Item = Target>) {
        for target in targets {
            if self.seen.insert(target.clone()) {
                self.waiting.push_back(target);
            }
        }
    }
}

fn take(edges: &mut Edges, from: &Target, to: &Target) -> bool {
    let Some(ends) = edges.get_mut(from) else {
        return false;
    };
    let was_there = ends.remove(to);
    if ends.is_empty() {
        edges.remove(from);
    }
    was_there
}
