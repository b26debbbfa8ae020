//! Writes that wait in a journal for the database, while programs, servers, disks or the database
//! itself fail.

pub(crate) mod disk;
pub(crate) mod killed;
pub(crate) mod poison;
pub(crate) mod power_loss;
pub(crate) mod sink_down;
pub(crate) mod terminate;
