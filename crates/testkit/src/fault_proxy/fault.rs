use std::time::Duration;

/// What a [`FaultProxy`](super::FaultProxy) does to the bytes that pass it. A fault acts on open
/// connections as well as on new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFault {
    /// Bytes pass as they come.
    #[default]
    None,
    /// Bytes arrive that much later, in order, in each direction. Up to 1 MiB is under way in
    /// each direction of a connection. Connecting, and the end of a connection that has nothing
    /// under way, take no longer.
    Delay(Duration),
    /// Each direction of each connection passes no more than that.
    Throttle {
        /// At least 1 is passed.
        bytes_per_second: u32,
    },
    /// Connections are accepted and stay open, and nothing passes in either direction, not even
    /// the end of a connection. What was sent arrives after the fault.
    BlackHole,
    /// Bytes of both directions are thrown away, and never arrive. The end of a connection does.
    Drop,
    /// Requests pass and replies are withheld, until after the fault.
    HalfOpen,
    /// A connection is reset (RST) as soon as so many bytes of its replies have passed.
    CutAfter {
        /// Counted for each connection, for an open one since the fault was set. With 0 it is
        /// reset at once.
        bytes: u64,
    },
    /// Bytes of replies are changed. Connection number `n` (of all that were ever accepted) is
    /// damaged in the same places for the same seed.
    Corrupt {
        /// Decides which bytes change, and into what.
        seed: u64,
        /// One byte of so many, on average; all with 1, none with 0.
        one_in: u32,
    },
    /// New connections are refused by the kernel, for nothing listens. Open ones go on;
    /// [`reset_all`](super::FaultProxy::reset_all) ends them.
    Refuse,
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Requests,
    Replies,
}

/// What a fault makes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Forward,
    Late(Duration),
    Slowly(u32),
    Withhold,
    Discard,
    CutAfter(u64),
    Corrupt { seed: u64, one_in: u32 },
}

impl NetworkFault {
    pub(super) fn treatment_of(self, direction: Direction) -> Treatment {
        match (self, direction) {
            (Self::Delay(by), _) => Treatment::Late(by),
            (Self::Throttle { bytes_per_second }, _) => Treatment::Slowly(bytes_per_second.max(1)),
            (Self::BlackHole, _) | (Self::HalfOpen, Direction::Replies) => Treatment::Withhold,
            (Self::Drop, _) => Treatment::Discard,
            (Self::CutAfter { bytes }, Direction::Replies) => Treatment::CutAfter(bytes),
            (Self::Corrupt { seed, one_in }, Direction::Replies) if one_in > 0 => {
                Treatment::Corrupt { seed, one_in }
            }
            _ => Treatment::Forward,
        }
    }
}
