//! The backend against real servers, and against things that are none.

#[cfg(test)]
mod redis;
