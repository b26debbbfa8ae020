//! One input, measured.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::outcome::Fault;
use crate::target::Target;

/// What an input did.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How long it took.
    pub took: Duration,
    /// The most memory that it held at once, in bytes.
    pub peak_bytes: u64,
    /// What is wrong with that.
    pub fault: Option<Fault>,
}

/// Tries an input on this thread.
#[must_use]
pub fn trial(target: &Target, input: &[u8]) -> Trial {
    let mut trial = once(target, input);
    let allowed = target.bounds.time;
    // Twice more: the machine may have been busy with something else.
    for _ in 0..2 {
        if trial.fault.is_none() && trial.took > allowed {
            trial.took = trial.took.min(once(target, input).took);
        }
    }
    if trial.fault.is_none() && trial.took > allowed {
        let took = trial.took;
        trial.fault = Some(Fault::TooSlow { took, allowed });
    }
    trial
}

fn once(target: &Target, input: &[u8]) -> Trial {
    let mut panicked = None;
    let started = Instant::now();
    let memory = allocation_counter::measure(|| {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        allocation_counter::opt_out(|| panicked = caught.err().map(|cause| message(&*cause)));
    });
    let took = started.elapsed();
    let peak_bytes = memory.bytes_max;
    let allowed_bytes = target.bounds.allowed_bytes(input.len());
    let too_much = (peak_bytes > allowed_bytes).then_some(Fault::TooMuch {
        peak_bytes,
        allowed_bytes,
    });
    Trial {
        took,
        peak_bytes,
        fault: panicked.map(Fault::Panicked).or(too_much),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lets panics of this thread be told by their [`Trial`] alone, and not be printed.
pub fn quieten() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                return others(info);
            }
            let place = info.location().map(ToString::to_string);
            PLACE.with_borrow_mut(|at| *at = place.unwrap_or_default());
        }));
    });
    QUIET.set(true);
}

fn message(cause: &(dyn Any + Send)) -> String {
    let text = match (cause.downcast_ref::<&str>(), cause.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no message",
    };
    match PLACE.take() {
        place if place.is_empty() => text.to_owned(),
        place => format!("{text} (at {place})"),
    }
}
