//! What the program says of itself to packages: its manual (`vigie man`) and what shells complete
//! (`vigie completions`), both from the command line's own definition.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Arguments, Exit, Failure, print};

/// Writes vigie(1) and a page for each subcommand into a directory.
pub(super) fn man(directory: &Path) -> Result<(), Failure> {
    let written = clap_mangen::generate_to(Arguments::command(), directory);
    written.map_err(|error| {
        Failure::new(Exit::Unavailable, format!("{}: cannot be written: {error}", directory.display()))
    })
}

/// Prints what a shell reads to complete our command line.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "vigie", &mut script);
    print(&String::from_utf8_lossy(&script))
}
