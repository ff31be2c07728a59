//! The binary: hands arguments, environment and terminal to `tollgate::cli`, and its exit code to the system.

use std::process::ExitCode;

use tollgate::cli::{self, World};

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os(), World::of_process()))
}
