//! What is read and written in the namespaces of a cache, in fixed memory.

mod book;
mod cold;
mod counts;
mod fleet;
mod followed;
mod histogram;
mod ledger;
mod life;
mod observer;
mod options;
mod pace;
mod panel;
mod report;
mod room;
mod sampled;
mod shape;
mod shapes;
mod snapshot;
mod space;
mod spaces;
mod striped;
mod texts;
mod time;

pub use self::cold::{ColdKey, ColdKeys, ColdOptions, ColdReads};
pub use self::counts::{Counts, Misses};
pub use self::fleet::{FleetReport, Published, Sharing};
pub use self::histogram::Distribution;
pub use self::observer::Analytics;
pub use self::options::AnalyticsOptions;
pub use self::report::{
    Distinct, Endings, HotKey, KeysReport, L1Report, Lifecycle, NamespaceReport, ShapeReport,
};
pub use crate::advice::{ChangeHistogram, ChangeRate, TtlAdvice, TtlSuggestion};
pub use crate::curve::{
    Access, Curve, CurveOptions, CurvePoint, CurveReport, SizeAdvice, Sizing, SpaceCurve,
    SpaceTotals,
};
pub use crate::key_hash::KeyHash;
