//! How long messages take.

use crate::dice::Dice;

/// How long messages take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Of most messages.
    short: u64,
    /// Of some.
    middle: u64,
    /// Of few.
    long: u64,
    /// How many of a hundred are not of the first kind.
    slow_share: u64,
}

impl Weather {
    pub(crate) const fn calm() -> Self {
        Self {
            short: 1,
            middle: 2,
            long: 3,
            slow_share: 0,
        }
    }

    /// Weather of some kind.
    pub(crate) fn some(dice: &mut Dice) -> Self {
        Self {
            short: dice.pick(&[1, 2, 4]),
            middle: dice.pick(&[5, 10, 20]),
            long: dice.pick(&[30, 100, 250]),
            slow_share: dice.pick(&[2, 10, 25]),
        }
    }

    pub(crate) fn delay(&self, dice: &mut Dice) -> u64 {
        if !dice.percent(self.slow_share) {
            return dice.between(0, self.short);
        }
        if dice.percent(80) {
            dice.between(0, self.middle)
        } else {
            dice.between(0, self.long)
        }
    }
}
