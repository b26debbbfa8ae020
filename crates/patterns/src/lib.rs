//! The four ways to put a cache before a database.
