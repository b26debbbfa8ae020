//! The targets for libFuzzer, which has its own `main`. Without `--cfg fuzzing` there is
//! nothing to run.
#![cfg_attr(fuzzing, no_main)]
#![cfg_attr(
    not(fuzzing),
    allow(clippy::print_stderr, reason = "it talks to a person at a terminal")
)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| larder_fuzz::guided::step(input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    eprintln!("built without coverage: `cargo xtask fuzz` builds and runs this one");
    std::process::ExitCode::from(2)
}
