//! Dictionaries: what is known beforehand of a namespace's values.

mod installed;
mod reservoir;
mod shelf;
mod trainer;
mod training;
mod watch;

pub(crate) use self::installed::Installed;
pub(crate) use self::shelf::Shelf;
pub(crate) use self::trainer::Trainer;
