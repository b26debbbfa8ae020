//! Futures that are ready at once, and what is made once.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future that waits for nothing: without a runtime, which would take memory.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Makes what all inputs share, which counts for none of them.
pub(super) fn uncounted<T>(make: impl FnOnce() -> T) -> T {
    let mut made = None;
    allocation_counter::opt_out(|| made = Some(make()));
    made.unwrap_or_else(|| unreachable!("it was made"))
}
