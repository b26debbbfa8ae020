/// What a [`Curve`](super::Curve) covers and what it may take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CurveOptions {
    /// The bytes of L1 as configured: the curve reaches from an eighth to eight times of it.
    pub l1_bytes: u64,
    /// The most bytes that the curve itself takes, for all namespaces together.
    pub max_bytes: usize,
    /// How many accesses of sampled keys a second are worked on, on average over five seconds;
    /// where there are more, fewer keys are sampled from then on.
    pub accesses_per_second: u32,
}

impl CurveOptions {
    /// Around this size of L1.
    #[must_use]
    pub const fn new(l1_bytes: u64) -> Self {
        Self {
            l1_bytes,
            max_bytes: 1 << 20,
            accesses_per_second: 20_000,
        }
    }

    /// The most bytes that the curve itself takes; at least 32 KiB are. Default: 1 MiB.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many accesses of sampled keys a second are worked on, on average over five seconds.
    /// Default: 20,000, which take 0.8 % of a core.
    #[must_use]
    pub const fn accesses_per_second(mut self, accesses: u32) -> Self {
        self.accesses_per_second = accesses;
        self
    }
}
