//! The order in which everything is run.

use std::sync::Arc;
use std::time::Duration;

use crate::Failure;
use crate::measurement::Series;
use crate::options::Options;
use crate::profile::Profiles;
use crate::slice::Subject;

/// Long enough for every connection to be made and every buffer to have grown.
const WARM_UP: Duration = Duration::from_millis(50);

/// Runs all rounds. The adapters take turns on one workload before the next one comes, so that
/// those that are compared ran at about the same time.
pub(crate) async fn run(
    options: &Options,
    subjects: &[Box<dyn Subject>],
    profiles: &Arc<Profiles>,
) -> Result<Vec<Series>, Failure> {
    let mut all = begin(options, subjects);
    for subject in subjects {
        subject.fill(profiles).await?;
    }
    for series in &all {
        let subject = named(subjects, series.adapter)?;
        subject.run(series.workload, WARM_UP, profiles).await?;
    }
    for round in 0..options.rounds {
        for workload in &options.workloads {
            let mut now: Vec<&mut Series> = all
                .iter_mut()
                .filter(|series| series.workload == *workload)
                .collect();
            let first = round % now.len();
            now.rotate_left(first);
            for series in now {
                let subject = named(subjects, series.adapter)?;
                let measured = subject.run(*workload, options.slice, profiles).await?;
                series.rounds.push(measured);
            }
        }
    }
    Ok(all)
}

fn begin(options: &Options, subjects: &[Box<dyn Subject>]) -> Vec<Series> {
    let mut all = Vec::new();
    for &workload in &options.workloads {
        for subject in subjects.iter().filter(|subject| subject.can(workload)) {
            all.push(Series {
                workload,
                adapter: subject.name(),
                rounds: Vec::with_capacity(options.rounds),
            });
        }
    }
    all
}

fn named<'a>(subjects: &'a [Box<dyn Subject>], name: &str) -> Result<&'a dyn Subject, Failure> {
    let mut subjects = subjects.iter().map(AsRef::as_ref);
    let found = subjects.find(|subject| subject.name() == name);
    found.ok_or_else(|| format!("there is no adapter `{name}`").into())
}
