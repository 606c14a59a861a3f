//! The `velum` command: a table of contents.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// One allocator for all threads: the data plane allocates at the edges of a session only, and
/// there the system's allocator costs more. What is given back is wiped: tokens and keys pass
/// through buffers of libraries that do not do so.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    velum_proxy::cli::run()
}
