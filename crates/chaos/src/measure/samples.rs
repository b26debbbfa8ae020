use std::time::Duration;

use larder::ErrorKind;

use super::Lag;

/// A backend call that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Since the trial began.
    pub(crate) ended: Duration,
    pub(crate) took: Duration,
    pub(crate) operation: &'static str,
    pub(crate) failure: Option<ErrorKind>,
}

/// Calls in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    calls: Vec<Sample>,
    /// Until when there would have been calls.
    observed: Duration,
}

/// A part of the time of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// How long it took until calls succeeded again, and went on doing so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    After(Duration),
    /// Not as long as it was waited for.
    Never,
}

/// Success must last so long to count.
const STEADY: Duration = Duration::from_millis(300);

impl Samples {
    pub(crate) fn new(mut calls: Vec<Sample>, observed: Duration) -> Self {
        calls.sort_by_key(|call| call.ended);
        Self { calls, observed }
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn within(&self, window: Window) -> impl Iterator<Item = &Sample> {
        let begin = self.calls.partition_point(|call| call.ended < window.from);
        let calls = self.calls[begin..].iter();
        calls.take_while(move |call| call.ended <= window.to)
    }

    pub(crate) fn failures(&self, window: Window) -> usize {
        self.within(window)
            .filter(|call| call.failure.is_some())
            .count()
    }

    /// From the heal to the first success after which nothing failed any more.
    pub(crate) fn recovery(&self, healed: Duration) -> Recovery {
        self.recovery_within(Window {
            from: healed,
            to: self.observed,
        })
    }

    /// The same, where the window ends with the next fault.
    pub(crate) fn recovery_within(&self, window: Window) -> Recovery {
        let mut since = None;
        for call in self.within(window) {
            if call.failure.is_some() {
                since = None;
            } else {
                since = since.or(Some(call.ended));
            }
        }
        match since {
            Some(since) if window.to.saturating_sub(since) >= STEADY => {
                Recovery::After(since - window.from)
            }
            _ => Recovery::Never,
        }
    }

    /// From the first failure to the first success after which nothing failed any more.
    pub(crate) fn outage(&self, window: Window) -> Recovery {
        let failed = self.within(window).find(|call| call.failure.is_some());
        match failed.map(|call| call.ended) {
            Some(from) => self.recovery_within(Window { from, ..window }),
            None => Recovery::After(Duration::ZERO),
        }
    }

    /// The call that took longest, less the time that the machine let pass in it.
    pub(crate) fn longest(&self, window: Window, lag: &Lag) -> Option<(Sample, Duration)> {
        let mut calls: Vec<_> = self.within(window).copied().collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.took));
        let mut longest: Option<(Sample, Duration)> = None;
        for call in calls {
            if longest.is_some_and(|(_, net)| net >= call.took) {
                break;
            }
            let net = call.took.saturating_sub(lag.worst(call.window()));
            if longest.is_none_or(|(_, most)| net > most) {
                longest = Some((call, net));
            }
        }
        longest
    }

    /// What 99 of 100 successful calls took at most.
    pub(crate) fn p99(&self, window: Window, operation: &str) -> Option<Duration> {
        let calls = self.within(window);
        let calls = calls.filter(|call| call.operation == operation && call.failure.is_none());
        let mut took: Vec<_> = calls.map(|call| call.took).collect();
        took.sort_unstable();
        took.get((took.len() * 99 / 100).min(took.len().saturating_sub(1)))
            .copied()
    }
}

impl Sample {
    pub(crate) fn window(&self) -> Window {
        Window {
            from: self.ended.saturating_sub(self.took),
            to: self.ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn call(ended: u64, took: u64, failure: Option<ErrorKind>) -> Sample {
        Sample {
            ended: millis(ended),
            took: millis(took),
            operation: "get",
            failure,
        }
    }

    const ALL: Window = Window {
        from: Duration::ZERO,
        to: Duration::from_secs(3600),
    };

    /// `.` a success, `x` a failure, 100 ms from one to the next; healed at 1 s.
    fn recovery(calls: &str) -> Recovery {
        let fails = |c: char| (c == 'x').then_some(ErrorKind::Timeout);
        let calls = calls.chars().enumerate();
        let calls: Vec<_> = calls
            .filter(|(_, c)| *c != ' ')
            .map(|(at, c)| call(100 * at as u64, 1, fails(c)))
            .collect();
        let observed = calls.last().map_or(Duration::ZERO, |last| last.ended);
        Samples::new(calls, observed).recovery(millis(1000))
    }

    #[test]
    fn recovery_is_the_first_success_that_lasts() {
        let after = |ms| Recovery::After(millis(ms));
        assert_eq!(recovery("xxxxxxxxxx...."), after(0));
        assert_eq!(recovery("xxxxxxxxxxxx......"), after(200));
        assert_eq!(recovery("xxxxxxxxxx..x......"), after(300));
        assert_eq!(recovery("..........     ...."), after(500));
    }

    #[test]
    fn what_never_heals_is_never_a_recovery() {
        assert_eq!(recovery("xxxxxxxxxxxxxxxxxxxxxx"), Recovery::Never);
        assert_eq!(recovery("xxxxxxxxxx......x"), Recovery::Never);
        assert_eq!(
            recovery("xxxxxxxxxxxxxxxxx.."),
            Recovery::Never,
            "too short"
        );
        assert_eq!(recovery(".........."), Recovery::Never, "no calls at all");
        assert_eq!(recovery(""), Recovery::Never);
    }

    #[test]
    fn an_outage_begins_with_its_first_failure() {
        let calls = (0..20).map(|at| {
            let fails = (10..=12).contains(&at);
            call(100 * at, 1, fails.then_some(ErrorKind::Server))
        });
        let samples = Samples::new(calls.collect(), millis(1900));
        let window = |from, to| Window {
            from: millis(from),
            to: millis(to),
        };
        let after = |ms| Recovery::After(millis(ms));
        assert_eq!(samples.outage(window(500, 1900)), after(300));
        assert_eq!(samples.recovery_within(window(500, 1900)), after(800));
        assert_eq!(samples.outage(window(0, 900)), after(0));
        assert_eq!(samples.outage(window(500, 1200)), Recovery::Never);
    }

    #[test]
    fn the_longest_call_is_net_of_the_lag_in_its_own_time() {
        let calls = vec![
            call(500, 400, None),
            call(900, 300, None),
            call(990, 50, None),
        ];
        let samples = Samples::new(calls, millis(1000));
        let quiet = Lag::default();
        let longest = |lag: &Lag| samples.longest(ALL, lag).map(|(_, net)| net);
        assert_eq!(longest(&quiet), Some(millis(400)));
        let lag = Lag::of([(millis(400), millis(250))]);
        assert_eq!(longest(&lag), Some(millis(300)), "the lag was in the first");
        let lag = Lag::of([(millis(999), millis(5))]);
        assert_eq!(longest(&lag), Some(millis(400)), "no lag in any");
        assert_eq!(
            Samples::default().longest(ALL, &quiet).map(|(_, net)| net),
            None
        );
    }

    #[test]
    fn percentiles_are_of_the_successful_calls_in_the_window() {
        let mut calls: Vec<_> = (1..=100).map(|n| call(n, n, None)).collect();
        calls.push(call(50, 9_999, Some(ErrorKind::Timeout)));
        let samples = Samples::new(calls, millis(200));
        assert_eq!(samples.p99(ALL, "get"), Some(millis(100)));
        let early = Window {
            from: millis(1),
            to: millis(10),
        };
        assert_eq!(samples.p99(early, "get"), Some(millis(10)));
        assert_eq!(samples.p99(ALL, "set"), None);
        assert_eq!((samples.failures(ALL), samples.failures(early)), (1, 0));
    }
}
