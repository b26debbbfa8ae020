//! How old a value several processes serve each other at most, while servers and networks fail.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder_chaos::staleness_main()
}
