//! Dependencies between what can be invalidated.

mod cascade;
mod cycles;
mod graph;
mod target;
#[cfg(test)]
mod tests;

use std::sync::{PoisonError, RwLock};

use larder_cache_core::{Error, ErrorKind, Result};

pub use self::cascade::Cascade;
use self::graph::Graph;
pub use self::target::Target;
use crate::registry::Keyspace;

/// What depends on what: tags, keys and namespaces in a graph without cycles.
///
/// Besides what is declared, a key depends on its namespace, and a namespace on the tags that
/// all its values carry ([`Namespace::tags`](larder_cache_core::Namespace::tags)).
///
/// # Concurrency
/// Readers read at once; a change keeps them waiting while it looks for a cycle.
///
/// # Cost
/// Some 300 bytes for each dependency. Adding one searches what depends on the dependent, or what
/// the other depends on, whichever ends first. A [cascade](Dependencies::cascade) looks at what it
/// reaches, and at the tags of all namespaces.
///
/// ```
/// use larder_cache_core::KeyPrefix;
/// use larder_keyspace::{Dependencies, Keyspace, Target};
///
/// let dependencies = Dependencies::new();
/// dependencies.add(Target::tag("feed:7"), Target::tag("user:7"))?;
/// dependencies.add(Target::namespace("content"), Target::tag("feed:7"))?;
///
/// let keyspace = Keyspace::new(KeyPrefix::new("app")?);
/// let cascade = dependencies.cascade(&[Target::tag("user:7")], &keyspace);
/// assert_eq!(cascade.depth(), 2);
/// assert_eq!(cascade.namespaces, ["content"]);
///
/// let cycle = dependencies.add(Target::tag("user:7"), Target::namespace("content"));
/// let text = cycle.unwrap_err().to_string();
/// assert!(text.contains(
///     r#"tag "user:7" -> namespace "content" -> tag "feed:7" -> tag "user:7""#
/// ));
/// # Ok::<(), larder_cache_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Dependencies {
    graph: RwLock<Graph>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// What is to be invalidated too.
    pub dependent: Target,
    /// Where this is.
    pub on: Target,
}

impl Dependencies {
    /// The most dependencies there can be.
    pub const MOST: usize = 100_000;

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that something depends on something else: it is to be invalidated where that is.
    /// What was said before is fine.
    ///
    /// # Errors
    /// Kind `Config` where that closes a cycle, naming all of it in order, each before what it
    /// depends on; where there are [`MOST`](Dependencies::MOST) already; and for what can't be a
    /// target, with the kind that is its own. Nothing has changed then.
    pub fn add(&self, dependent: Target, on: Target) -> Result<()> {
        dependent.validate()?;
        on.validate()?;
        let mut graph = self.graph.write().unwrap_or_else(PoisonError::into_inner);
        if graph.has(&dependent, &on) {
            return Ok(());
        }
        if graph.count() >= Self::MOST {
            return Err(too_many(&dependent, &on));
        }
        graph.add(dependent, on).map_err(|cycle| closes(&cycle))
    }

    /// Takes a dependency back, and says whether there was one.
    pub fn remove(&self, dependent: &Target, on: &Target) -> bool {
        let mut graph = self.graph.write().unwrap_or_else(PoisonError::into_inner);
        graph.remove(dependent, on)
    }

    /// All that were declared, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Dependency> {
        let graph = self.graph.read().unwrap_or_else(PoisonError::into_inner);
        let all = graph.list().into_iter();
        let dependency = |(dependent, on): (&Target, &Target)| Dependency {
            dependent: dependent.clone(),
            on: on.clone(),
        };
        all.map(dependency).collect()
    }

    /// What is to be invalidated where these targets are, these included.
    #[must_use]
    pub fn cascade(&self, from: &[Target], keyspace: &Keyspace) -> Cascade {
        let graph = self.graph.read().unwrap_or_else(PoisonError::into_inner);
        Cascade::of(from, &graph, keyspace)
    }
}

fn closes(cycle: &[Target]) -> Error {
    let names = cycle.iter().chain(cycle.first());
    let names: Vec<String> = names.map(ToString::to_string).collect();
    Error::new(
        ErrorKind::Config,
        "dependencies must not form a cycle; leave one of these out (a key depends on its \
         namespace by itself)",
    )
    .with("cycle", names.join(" -> "))
}

fn too_many(dependent: &Target, on: &Target) -> Error {
    Error::new(
        ErrorKind::Config,
        "there can be 100000 dependencies at most; let entries share tags instead of naming \
         their keys",
    )
    .with("dependent", dependent)
    .with("on", on)
}
