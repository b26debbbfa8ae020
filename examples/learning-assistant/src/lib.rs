//! A service that learners read courses with: HTTP before, SQLite behind, Larder between.
//!
//! [`App`] wires the cache, its patterns and the database, `routes` has the handlers, and
//! [`traffic`] is a crowd of clients that sends the service real HTTP, so that there is
//! something to see.

mod app;
pub mod arguments;
pub mod database;
mod error;
pub mod report;
mod routes;
mod server;
mod source;
pub mod traffic;

pub use self::app::{App, CipherCosts, Ending, Tally};
pub use self::error::AppError;
pub use self::server::Server;
pub use self::source::Source;
