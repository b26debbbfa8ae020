//! A backend that fails as a test wants it to.

mod backend;
mod control;
mod fault;
mod gate;
mod method;

use std::sync::Arc;

use larder_cache_core::{Backend, Call, Error, ErrorKind, Result};
use tokio::time::{Instant, sleep, timeout};

use self::control::Control;
pub use self::fault::Fault;
pub use self::gate::Gate;
pub use self::method::Method;

/// A backend in front of another one, with the faults that a test plans.
///
/// Faults are planned for [`every`](ChaosBackend::every) call or for the calls
/// [`on`](ChaosBackend::on) one method; what is planned for the method goes first.
/// `now` is met only by what is planned for it alone: a backend that has been connected
/// answers it by itself. A [gate](ChaosBackend::gate) holds one call until the test
/// releases it. All of them keep to the call's budget.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use larder_cache_core::{Backend, Call, ErrorKind, Error, KeyPrefix};
/// use larder_testkit::{ChaosBackend, Fault, Method};
/// # use larder_memory_backend::MemoryBackend;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let backend = MemoryBackend::new(1 << 20);
/// let chaos = ChaosBackend::new(Arc::new(backend));
/// let keys = [KeyPrefix::new("app")?.value("user", "1")?];
/// let call = Call::within(Duration::from_millis(50));
///
/// chaos.on(Method::Get).next(2, Fault::Hang);
/// assert_eq!(chaos.get(&keys, call).await.unwrap_err().kind(), ErrorKind::Timeout);
///
/// chaos.go_down();
/// assert_eq!(chaos.exists(&keys, call).await.unwrap_err().kind(), ErrorKind::Connection);
///
/// chaos.heal();
/// assert_eq!(chaos.get(&keys, call).await?, [None]);
/// assert_eq!(chaos.calls(Method::Get), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ChaosBackend {
    inner: Arc<dyn Backend>,
    control: Control,
}

/// Plans the faults of some calls.
#[derive(Debug)]
pub struct Faults<'a> {
    chaos: &'a ChaosBackend,
    method: Option<Method>,
}

impl ChaosBackend {
    /// Stands in front of a backend, without faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            control: Control::default(),
        })
    }

    /// Plans faults for all calls but `now`.
    #[must_use]
    pub fn every(&self) -> Faults<'_> {
        Faults {
            chaos: self,
            method: None,
        }
    }

    /// Plans faults for the calls of one method.
    #[must_use]
    pub fn on(&self, method: Method) -> Faults<'_> {
        Faults {
            chaos: self,
            method: Some(method),
        }
    }

    /// Lets the next calls fail, but for `now`.
    pub fn fail_next(&self, calls: usize, error: Error) {
        self.every().next(calls, Fault::Error(error));
    }

    /// Refuses all calls but `now` from here on, as a server that is gone.
    pub fn go_down(&self) {
        self.every().always(Fault::refused());
    }

    /// Forgets all faults that were planned. Gates stay.
    pub fn heal(&self) {
        self.control.heal();
    }

    /// Holds the next call of a method before it reaches the backend. Several gates hold
    /// one call each.
    #[must_use]
    pub fn gate(&self, method: Method) -> Gate {
        self.control.gate(method)
    }

    /// Holds the next call of a method after the backend has answered it, before its
    /// caller sees the answer.
    #[must_use]
    pub fn gate_reply(&self, method: Method) -> Gate {
        self.control.gate_reply(method)
    }

    /// How many calls of a method came, those that failed included.
    #[must_use]
    pub fn calls(&self, method: Method) -> u64 {
        self.control.calls(method)
    }

    /// How many calls came of all methods but `now`.
    #[must_use]
    pub fn all_calls(&self) -> u64 {
        let crossing = Method::ALL.into_iter().filter(|m| *m != Method::Now);
        crossing.map(|method| self.calls(method)).sum()
    }

    /// Runs a call as planned.
    async fn run<T, F>(&self, method: Method, call: Call, send: impl FnOnce(Call) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let began = Instant::now();
        let meets = self.control.next(method);
        let answer = async {
            if let Some(barrier) = meets.before {
                barrier.pass().await;
            }
            match &meets.fault {
                Fault::Error(error) => return Err(error.clone()),
                Fault::Delay(duration) => sleep(*duration).await,
                Fault::Hang => std::future::pending().await,
                Fault::None | Fault::LostReply(_) => {}
            }
            let answer = send(left_of(call, began)).await;
            if let Some(barrier) = meets.after {
                barrier.pass().await;
            }
            match meets.fault {
                Fault::LostReply(error) => Err(error),
                _ => answer,
            }
        };
        timeout(call.budget, answer)
            .await
            .unwrap_or_else(|_| Err(timed_out(method)))
    }
}

impl Faults<'_> {
    /// The next calls meet this fault.
    pub fn next(&self, calls: usize, fault: Fault) {
        self.script(std::iter::repeat_n(fault, calls));
    }

    /// The next calls meet these faults, one each, after those planned before.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.chaos
            .control
            .plan(self.method, |plan| plan.script(faults));
    }

    /// All calls meet this fault, once the script is at its end.
    pub fn always(&self, fault: Fault) {
        self.chaos
            .control
            .plan(self.method, |plan| plan.always(fault));
    }

    /// A share of the calls, from 0 to 1, meets this fault, once the script is at its end:
    /// with the same seed, the same calls.
    pub fn sometimes(&self, seed: u64, share: f64, fault: Fault) {
        self.chaos
            .control
            .plan(self.method, |plan| plan.sometimes(seed, share, fault));
    }
}

fn left_of(call: Call, began: Instant) -> Call {
    Call::within(call.budget.saturating_sub(began.elapsed()))
}

fn timed_out(method: Method) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "no answer within the budget, as the test wanted",
    )
    .with("operation", method)
}
