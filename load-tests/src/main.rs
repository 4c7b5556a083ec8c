//! `vigie-load`: measures vigie side by side with what it is compared to, on the same machine in the same minutes.

mod child;
mod pixels;
mod process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Test {
    /// The pixel endpoint against nginx's `empty_gif`, one thread each: requests per second and CPU per request.
    Pixels(pixels::Arguments),
    /// Runs one edge until killed; `pixels` starts it.
    #[command(hide = true)]
    Edge(child::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().test {
        Test::Pixels(arguments) => pixels::run(&arguments),
        Test::Edge(arguments) => child::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln_error(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command line tool's way to say what went wrong")]
fn eprintln_error(error: &std::io::Error) {
    eprintln!("vigie-load: {error}");
}
