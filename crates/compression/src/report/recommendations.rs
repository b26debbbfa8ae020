//! What is chosen, and why.

use std::fmt;
use std::time::Duration;

use larder_cache_core::Algorithm;

use crate::candidate::{CANDIDATES, PLAIN_AT};
use crate::optimizer::Optimizer;
use crate::options::OptimizerOptions;
use crate::selector::{Class, Content, Estimate, Learned, Mode, cost_ns, is_fast_enough};
use crate::space::Space;

/// What is chosen for one kind of values, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recommendation {
    /// The namespace of the values.
    pub namespace: String,
    /// Values of so many bytes and more, up to twice as many.
    pub from_bytes: usize,
    /// What they look like.
    pub content: Content,
    /// The algorithm; `None`: plain.
    pub algorithm: Option<Algorithm>,
    /// Whether the namespace's dictionary is used.
    pub with_dictionary: bool,
    /// What was measured, the least cost first.
    pub measured: Vec<Measured>,
    /// A sentence for people.
    pub reason: String,
}

/// What was measured of one algorithm.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measured {
    /// The algorithm; `None`: plain.
    pub algorithm: Option<Algorithm>,
    /// Whether a dictionary was used.
    pub with_dictionary: bool,
    /// How many times smaller the values become.
    pub ratio: f64,
    /// In 10^6 plain bytes a second; endless for plain.
    pub compress_mb_per_second: f64,
    /// In 10^6 plain bytes a second; endless for plain.
    pub decompress_mb_per_second: f64,
    /// What a typical value costs under the objective.
    pub cost: Duration,
    /// Whether it is within the performance target.
    pub is_fast_enough: bool,
    /// How many values it was measured on.
    pub values: usize,
}

impl Optimizer {
    /// What is chosen for each kind of values, with the figures that it was chosen by.
    #[must_use]
    pub fn recommendations(&self) -> Vec<Recommendation> {
        let options = self.options();
        let spaces = self.spaces();
        let of_spaces = spaces.iter().flat_map(|space| of_space(space, &options));
        of_spaces.collect()
    }
}

/// `users, 1024 bytes and more, text: lz4, because ...`
impl fmt::Display for Recommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = match self.content {
            Content::Text => "text",
            Content::Dense => "dense",
            Content::Noise => "noise",
        };
        let (namespace, from_bytes, reason) = (&self.namespace, self.from_bytes, &self.reason);
        write!(
            f,
            "{namespace}, from {from_bytes} bytes, {content}: {reason}"
        )
    }
}

fn of_space(space: &Space, options: &OptimizerOptions) -> Vec<Recommendation> {
    let mode = match space.current() {
        Some(_) => Mode::Trained,
        None => Mode::Auto,
    };
    let mut found = Vec::new();
    for (from_bytes, bucket) in space.selector.learned() {
        let learned = bucket.learned();
        for content in Content::ALL {
            if let Some((place, class)) = chosen(&learned, content, mode) {
                let what = (space, from_bytes, content);
                found.push(recommendation(what, place, class, options));
            }
        }
    }
    found
}

/// What is chosen; where nothing was learned with a dictionary yet, what is without.
fn chosen(learned: &Learned, content: Content, mode: Mode) -> Option<(usize, &Class)> {
    let class = learned.class(content)?;
    let place = class.chosen(mode).or(class.chosen(Mode::Auto))?;
    Some((place, class))
}

fn recommendation(
    (space, from_bytes, content): (&Space, usize, Content),
    place: usize,
    class: &Class,
    options: &OptimizerOptions,
) -> Recommendation {
    let estimates = class.estimates();
    let measured = (0..estimates.len()).filter_map(|place| Some((place, estimates[place]?)));
    let mut measured: Vec<_> = measured
        .map(|(place, estimate)| of_candidate(place, &estimate, options))
        .collect();
    measured.sort_by_key(|one| one.cost);
    let candidate = CANDIDATES[place];
    Recommendation {
        namespace: space.name.to_string(),
        from_bytes,
        content,
        algorithm: candidate.algorithm,
        with_dictionary: candidate.needs_dictionary(),
        reason: reason(place, &estimates, options),
        measured,
    }
}

fn of_candidate(place: usize, estimate: &Estimate, options: &OptimizerOptions) -> Measured {
    let candidate = CANDIDATES[place];
    let speed = |ns_per_byte: f64| match ns_per_byte {
        0.0 => f64::INFINITY,
        ns => 1000.0 / ns,
    };
    Measured {
        algorithm: candidate.algorithm,
        with_dictionary: candidate.needs_dictionary(),
        ratio: 1.0 / estimate.stored,
        compress_mb_per_second: speed(estimate.compress_ns),
        decompress_mb_per_second: speed(estimate.decompress_ns),
        cost: nanos(cost_ns(estimate, options)),
        is_fast_enough: is_fast_enough(estimate, options),
        values: estimate.samples,
    }
}

fn reason(place: usize, estimates: &[Option<Estimate>], options: &OptimizerOptions) -> String {
    let candidate = CANDIDATES[place];
    let (Some(own), Some(plain)) = (estimates[place], estimates[PLAIN_AT]) else {
        return format!("{candidate}, of which nothing was measured yet");
    };
    let (cost, of_plain) = (cost_ns(&own, options), cost_ns(&plain, options));
    let (cost_time, plain_time) = (nanos(cost), nanos(of_plain));
    if place == PLAIN_AT {
        return format!(
            "plain, because a value costs {cost_time:.1?} so and no algorithm costs clearly less"
        );
    }
    let (ratio, saved) = (1.0 / own.stored, 100.0 * (1.0 - cost / of_plain));
    format!(
        "{candidate}, because it makes values {ratio:.2} times smaller, and a value costs \
         {cost_time:.1?} in place of {plain_time:.1?} plain, {saved:.0} % less"
    )
}

fn nanos(nanos: f64) -> Duration {
    Duration::try_from_secs_f64(nanos / 1e9).unwrap_or(Duration::MAX)
}
