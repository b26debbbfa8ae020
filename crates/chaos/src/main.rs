//! The fault suite: servers and networks that fail while a cache is in use.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder_chaos::chaos_main()
}
