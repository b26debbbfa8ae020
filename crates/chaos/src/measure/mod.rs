//! Measuring: what calls came to, how long they took, and what of that was the machine's doing.

mod lag;
mod memory;
mod samples;

pub(crate) use lag::{Lag, LagProbe};
pub(crate) use memory::resident_bytes;
pub(crate) use samples::{Recovery, Sample, Samples, Window};
