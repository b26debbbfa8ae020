//! One input of libFuzzer, which runs the process and judges by what code an input reaches.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::target::Target;
use crate::targets;
use crate::trial::trial;

/// The variable that names the target.
pub const TARGET: &str = "LARDER_FUZZ_TARGET";

/// The variable that names the file for what was measured: microseconds of the slowest input
/// and the most bytes that one held.
pub const MEASURED: &str = "LARDER_FUZZ_MEASURED";

/// Tries an input on the target that the environment names.
///
/// # Panics
/// Where the property does not hold, or a bound is not kept: so libFuzzer learns of it.
pub fn step(input: &[u8]) {
    static TRIED: OnceLock<Option<&'static Target>> = OnceLock::new();
    let named = || std::env::var(TARGET).ok();
    let target = TRIED.get_or_init(|| named().and_then(|name| targets::find(&name)));
    let Some(target) = target else {
        return;
    };
    let trial = trial(target, input);
    note(trial.took, trial.peak_bytes);
    if let Some(fault) = trial.fault {
        unreachable!("{fault}");
    }
}

/// What `step` has written down.
#[must_use]
pub fn measured(text: &str) -> (Duration, u64) {
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0));
    let micros = numbers.next().unwrap_or(0);
    (Duration::from_micros(micros), numbers.next().unwrap_or(0))
}

fn note(took: Duration, peak_bytes: u64) {
    static MOST: Mutex<(Duration, u64)> = Mutex::new((Duration::ZERO, 0));
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let mut most = MOST.lock().unwrap_or_else(PoisonError::into_inner);
    if took <= most.0 && peak_bytes <= most.1 {
        return;
    }
    *most = (most.0.max(took), most.1.max(peak_bytes));
    let file = FILE.get_or_init(|| std::env::var_os(MEASURED).map(PathBuf::from));
    if let Some(file) = file {
        // Without it the report lacks two numbers.
        fs::write(file, format!("{} {}", most.0.as_micros(), most.1)).ok();
    }
}
