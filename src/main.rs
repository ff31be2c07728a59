//! The binary: hands arguments, environment and terminal to `tollgate::cli`, and its exit code to the system.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use tollgate::cli::{self, World};

/// A request makes some hundred short-lived values, on one thread and on another: glibc takes a quarter of its time for them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os(), World::of_process()))
}
