//! The `vigie` program: the command line is read, run and answered with an exit code by [`vigie::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    vigie::cli::run(std::env::args_os())
}
