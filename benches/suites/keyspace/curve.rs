//! What the curve says, next to what L1 does.

use std::fmt;
use std::time::{Duration, Instant};

use larder_benches::Failure;
use larder_keyspace::analytics::{
    Access, Curve, CurveOptions, CurveReport, KeyHash, SizeAdvice, SpaceCurve, SpaceTotals,
};
use larder_testkit::ManualClock;
use serde::Serialize;

use crate::exact::{self, Hits, SPACES, Table};
use crate::lru;
use crate::options::Options;
use crate::traces::{Trace, weight};

/// How many accesses a second the clock shows, where nothing limits the work, and where the
/// limit on it counts.
const RATES: [u32; 2] = [1_000, 1_000_000];

/// Namespaces with less than this share of the accesses are not held against anything.
const LARGE: f64 = 0.05;

/// One trace.
#[derive(Debug, Serialize)]
pub(crate) struct TraceCurves {
    pub(crate) trace: &'static str,
    accesses: usize,
    l1_bytes: u64,
    /// What the whole cache and its bare table differ by at that size, in points.
    pub(crate) table_error: f64,
    sizes: Vec<Size>,
    pub(crate) runs: Vec<Run>,
}

/// One size of L1: hit ratios in percent.
#[derive(Debug, Serialize)]
struct Size {
    l1_bytes: u64,
    exact: f64,
    lru: f64,
    /// Of the first run.
    estimate: f64,
    /// Which the curve thinks it may be off by.
    standard_error: f64,
    followed: f64,
}

/// One run of the curve over the trace.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) accesses_per_second: u32,
    simulated: u64,
    memory_bytes: usize,
    /// Of a simulated access, with the lookup in the table of L1 that goes before it.
    nanos_per_access: f64,
    /// With the hits at the configured size that really happened.
    pub(crate) whole: Errors,
    /// By the simulation alone.
    pub(crate) alone: Errors,
    /// Large namespaces.
    pub(crate) spaces: Vec<(u32, Errors)>,
    advice: String,
}

/// How far estimates are from L1 over all sizes, in points of the hit ratio.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Errors {
    pub(crate) mean: f64,
    pub(crate) most: f64,
}

/// What L1 does at each size.
struct Truth {
    sizes: Vec<u64>,
    hits: Vec<Hits>,
    accesses: Hits,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<TraceCurves>, Failure> {
    let traces = Trace::all(&options.traces)?;
    traces.iter().map(of_trace).collect()
}

fn of_trace(trace: &Trace) -> Result<TraceCurves, Failure> {
    let truth = Truth::of(trace)?;
    let accesses = trace.keys.len() as f64;
    let cache = hits_of_cache(trace)? as f64 / accesses;
    let table = truth.ratio_at(trace.l1_bytes);
    let (first, report) = Run::of(trace, &truth, RATES[0])?;
    let (second, _) = Run::of(trace, &truth, RATES[1])?;
    let lru = lru::hits(trace, &truth.sizes);
    let sizes = report.whole.points.iter().zip(&lru).zip(&truth.hits);
    let sizes = sizes.map(|((point, lru), exact)| Size {
        l1_bytes: point.l1_bytes,
        exact: exact.iter().sum::<u64>() as f64 / accesses * 100.0,
        lru: *lru as f64 / accesses * 100.0,
        estimate: point.hit_ratio * 100.0,
        standard_error: point.standard_error * 100.0,
        followed: point.rate,
    });
    Ok(TraceCurves {
        trace: trace.name,
        accesses: trace.keys.len(),
        l1_bytes: trace.l1_bytes,
        table_error: (cache - table).abs() * 100.0,
        sizes: sizes.collect(),
        runs: vec![first, second],
    })
}

fn hits_of_cache(trace: &Trace) -> Result<u64, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(exact::hits_of_cache(trace))
}

impl Truth {
    fn of(trace: &Trace) -> Result<Self, Failure> {
        let empty = Curve::new(&CurveOptions::new(trace.l1_bytes), ManualClock::new());
        let points = empty.report(&[]).whole.points;
        let sizes: Vec<u64> = points.iter().map(|point| point.l1_bytes).collect();
        let hits: Result<_, _> = sizes.iter().map(|size| exact::hits(trace, *size)).collect();
        let mut accesses = [0; SPACES];
        for key in &trace.keys {
            accesses[trace.space(*key) as usize] += 1;
        }
        Ok(Self {
            sizes,
            hits: hits?,
            accesses,
        })
    }

    fn ratio_at(&self, bytes: u64) -> f64 {
        let sizes = self.sizes.iter().zip(&self.hits);
        let hits = sizes.filter(|(size, _)| **size == bytes);
        let hits: u64 = hits.flat_map(|(_, hits)| hits).sum();
        hits as f64 / self.accesses.iter().sum::<u64>() as f64
    }

    fn errors(&self, curve: &SpaceCurve, of: impl Fn(&Hits) -> u64) -> Errors {
        let accesses = of(&self.accesses) as f64;
        let points = curve.points.iter().zip(&self.hits);
        let errors = points.map(|(point, hits)| {
            let exact = of(hits) as f64 / accesses;
            (point.hit_ratio - exact).abs() * 100.0
        });
        Errors {
            mean: errors.clone().sum::<f64>() / self.hits.len() as f64,
            most: errors.fold(0.0, f64::max),
        }
    }
}

impl Run {
    fn of(trace: &Trace, truth: &Truth, rate: u32) -> Result<(Self, CurveReport), Failure> {
        let clock = ManualClock::new();
        let curve = Curve::new(&CurveOptions::new(trace.l1_bytes), clock.clone());
        let began = Instant::now();
        let hits = replay(trace, &curve, || {
            clock.advance(Duration::from_secs(1) / rate);
        })?;
        let nanos = began.elapsed().as_nanos() as f64;
        let totals = |with_hits: fn(SpaceTotals, u64) -> SpaceTotals| -> Vec<SpaceTotals> {
            let spaces = truth.accesses.iter().zip(&hits).zip(0..);
            let some = spaces.filter(|((accesses, _), _)| **accesses > 0);
            some.map(|((accesses, hits), space)| {
                with_hits(SpaceTotals::new(space, *accesses), *hits)
            })
            .collect()
        };
        let report = curve.report(&totals(SpaceTotals::l1_hits));
        let alone = curve.report(&totals(|totals, _| totals));
        let all = |hits: &Hits| hits.iter().sum();
        let least = trace.keys.len() as f64 * LARGE;
        let spaces = report.spaces.iter();
        let large = spaces.filter(|(_, curve)| curve.accesses as f64 >= least);
        let run = Self {
            accesses_per_second: rate,
            simulated: report.simulated,
            memory_bytes: report.memory_bytes,
            nanos_per_access: nanos / trace.keys.len() as f64,
            whole: truth.errors(&report.whole, all),
            alone: truth.errors(&alone.whole, all),
            spaces: large
                .map(|(space, curve)| {
                    let errors = truth.errors(curve, |hits| hits[*space as usize]);
                    (*space, errors)
                })
                .collect(),
            advice: advice(&report),
        };
        Ok((run, report))
    }
}

/// Reads all keys through the table of L1 at the configured size, and tells the curve.
fn replay(trace: &Trace, curve: &Curve, tick: impl Fn()) -> Result<Hits, Failure> {
    let table = Table::new(trace.l1_bytes)?;
    let mut hits = [0; SPACES];
    for key in trace.keys.iter().copied() {
        tick();
        let (space, hash) = (trace.space(key), KeyHash::of(trace.name, &key.to_string()));
        if table.read(key) {
            hits[space as usize] += 1;
            curve.accessed(space, hash, Access::L1Hit);
        } else {
            curve.accessed(space, hash, Access::Elsewhere);
            curve.kept(space, hash, weight(key));
        }
    }
    Ok(hits)
}

fn advice(report: &CurveReport) -> String {
    let advice: SizeAdvice = report.whole.advice();
    advice.to_string()
}

impl fmt::Display for TraceCurves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, accesses, error) = (self.trace, self.accesses, self.table_error);
        writeln!(
            f,
            "{trace}: {accesses} accesses; L1 {} KiB; whole cache and bare table differ by \
             {error:.2} points",
            self.l1_bytes >> 10
        )?;
        writeln!(
            f,
            "  {:>10}{:>10}{:>10}{:>9}{:>8}{:>11}{:>9}{:>9}",
            "L1 KiB", "hits %", "estimate", "error", "± by", "1 key in", "LRU", "error"
        )?;
        for size in &self.sizes {
            let (kib, one_in) = (size.l1_bytes >> 10, 1.0 / size.followed);
            let (error, lru_error) = (size.estimate - size.exact, size.lru - size.exact);
            writeln!(
                f,
                "  {kib:>10}{:>10.2}{:>10.2}{error:>9.2}{:>8.2}{one_in:>11.0}{:>9.2}{lru_error:>9.2}",
                size.exact, size.estimate, size.standard_error, size.lru
            )?;
        }
        self.runs.iter().try_for_each(|run| write!(f, "{run}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, kib) = (self.accesses_per_second, self.memory_bytes >> 10);
        let (simulated, nanos) = (self.simulated, self.nanos_per_access);
        writeln!(
            f,
            "  at {rate} accesses/s: error {}, by the simulation alone {}",
            self.whole, self.alone
        )?;
        writeln!(
            f,
            "    {simulated} simulated, {kib} KiB, {nanos:.0} ns for each access with L1's own"
        )?;
        for (space, errors) in &self.spaces {
            writeln!(f, "    namespace {space:>2}: error {errors}")?;
        }
        writeln!(f, "    {}", self.advice)
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean {:.2} most {:.2}", self.mean, self.most)
    }
}
