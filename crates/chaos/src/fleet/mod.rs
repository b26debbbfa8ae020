//! Processes of this program, each with a cache of its own: over pipes they are given an order
//! and answer.
//!
//! ```text
//! parent: Process::spawn(order) --stdin: Order, then Signals--> member_main --> one of the roles
//!         Answers::next() <-------stdout: Answers---------------
//! ```
//!
//! Each message is a line of JSON. A member whose parent has gone ends by itself.

mod cold_key;
mod holder;
mod member;
mod messages;
mod process;

pub(crate) use holder::SPACE as HOLDER_SPACE;
pub(crate) use member::{Post, is_member, member_main, tell};
pub(crate) use messages::{Answer, ColdKey, Holder, Order, Signal, Upstream};
pub(crate) use process::{Answers, Process};
