//! The `velum` command: a table of contents.

use std::process::ExitCode;

/// One allocator for all threads: the data plane allocates at the edges of a session only, and
/// there the system's allocator costs more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    velum_proxy::cli::run()
}
