//! The `vigie` program: the command line is read, run and answered with an exit code by [`vigie::cli`].

use std::process::ExitCode;

/// Many threads free what others allocated (a signal is born on the edge and dies in the pipeline); with glibc's
/// per-thread arenas a million people coming online left three times the memory behind (`vigie-load present` measures
/// it). Without huge pages: they cost a sixth more memory there, and no latency that could be measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vigie::cli::run(std::env::args_os())
}
