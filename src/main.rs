//! Starts the binary: hands arguments, environment and terminal to `tollgate::cli`, and its exit code to the system.

use std::process::ExitCode;

use libmimalloc_sys::mi_collect;
use mimalloc::MiMalloc;
use tollgate::cli::{self, ProcessEnv};

/// A request makes some hundred short-lived values, on one thread and on another: glibc takes a quarter of its time for them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let process = ProcessEnv {
        give_back,
        ..ProcessEnv::of_process()
    };
    ExitCode::from(cli::main(std::env::args_os(), process))
}

/// By itself, mimalloc gives memory back when something is freed a second later: a gateway at rest would keep what compiling
/// took.
#[expect(
    unsafe_code,
    reason = "the one call into the allocator; no pointer goes in or comes out"
)]
fn give_back() {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { mi_collect(true) }
}
