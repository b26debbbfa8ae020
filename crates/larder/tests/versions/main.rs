//! Two builds of one service, with two versions of a type, share one server.
//!
//! The test starts this binary twice more, as the two builds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its children tell what they did by printing"
)]

mod build;
mod new;
mod old;
mod parent;

mod redis {
    #[test]
    fn two_builds_share_one_server() {
        crate::parent::two_builds_share_one_server();
    }
}

/// Not a test but one of the two builds.
#[test]
fn child() {
    match std::env::var(parent::BUILD).as_deref() {
        Ok("old") => build::run::<old::User>(),
        Ok("new") => build::run::<new::User>(),
        _ => {}
    }
}
