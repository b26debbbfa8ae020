//! What goes wrong, and how often.

use crate::dice::Dice;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A connection breaks.
    Disconnect,
    /// Nothing arrives on a connection for a while.
    Stall,
    /// The server answers nobody for a while.
    Pause,
    /// The server loses a key to make room.
    Eviction,
    /// A process ends at once, and another begins.
    Crash,
    /// Another server takes over, and lacks the last changes.
    Failover,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 6] = [
        Self::Disconnect,
        Self::Stall,
        Self::Pause,
        Self::Eviction,
        Self::Crash,
        Self::Failover,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnects",
            Self::Stall => "stalls",
            Self::Pause => "server pauses",
            Self::Eviction => "evictions",
            Self::Crash => "crashes",
            Self::Failover => "failovers",
        }
    }
}

/// The most that there are of each: of what costs a process or a server, a few.
const MOST: [u64; Fault::ALL.len()] = [20, 10, 5, 60, 3, 3];

/// Which faults there are, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Troubles {
    shares: [u64; Fault::ALL.len()],
    /// The longest time between two of them, in milliseconds; 0: there are none.
    every_millis: u64,
    left: [u64; Fault::ALL.len()],
}

impl Troubles {
    /// Some seeds have one kind of fault, some all, some none.
    pub(crate) fn some(dice: &mut Dice) -> Self {
        let shares = match dice.below(6) {
            0 => [0; 6],
            1 => [1, 3, 0, 0, 0, 0],
            2 => [0, 0, 0, 1, 0, 0],
            3 => [1, 0, 1, 0, 0, 2],
            4 => [0, 0, 0, 1, 1, 0],
            _ => [4, 2, 1, 6, 1, 1],
        };
        let every_millis = if shares == [0; 6] {
            0
        } else {
            dice.pick(&[40, 120, 400, 1000])
        };
        Self {
            shares,
            every_millis,
            left: MOST,
        }
    }

    /// The next fault, and how long after the one before; `None`: there is none.
    pub(crate) fn next(&mut self, dice: &mut Dice) -> Option<(u64, Fault)> {
        if self.every_millis == 0 {
            return None;
        }
        let pause = dice.between(self.every_millis / 4, self.every_millis);
        let mut at = dice.below(self.shares.iter().sum());
        for (fault, share) in Fault::ALL.into_iter().zip(self.shares) {
            if at < share {
                let left = &mut self.left[fault as usize];
                *left = left.checked_sub(1)?;
                return Some((pause, fault));
            }
            at -= share;
        }
        None
    }
}
