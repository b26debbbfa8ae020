//! Programs that write behind while something breaks, and the books by which they are judged.
//!
//! ```text
//! Crew --Order::Behind--> member: tasks --set--> WriteBehind --updates--> Sink (SQLite)
//!   ^                       |
//!   '----Answer::Behind-----'  what was acknowledged --> Books --judge--> Check
//! ```

mod books;
mod crew;
mod member;
mod messages;
mod sink;

pub(crate) use books::{Books, HELD_BACK};
pub(crate) use crew::{Crew, Moment, Plan, restart};
pub(crate) use member::run as member;
pub(crate) use messages::{Place, Report, Task, file_options};
pub(crate) use sink::Sink;
