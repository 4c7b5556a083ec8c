//! How many instructions each step of a signal's way takes, as callgrind counts them, against those of the table that is
//! kept with the sources: the last step of `.ci/run`; with `-- --write` behind it the table becomes what was counted.
//!
//! Unlike times these figures are the same on a busy machine, so a change of some percent is one of the code, or of the
//! compiler. They say nothing of caches, of the kernel, or of waiting.

#![expect(clippy::print_stdout, reason = "a command line tool that prints figures")]

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "hot_path/steps.rs"]
mod steps;
#[path = "instructions/table.rs"]
mod table;

use anyhow::Result;
use clap::Parser;

/// As in vigie.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    /// Keep what was counted as the table
    #[arg(long)]
    write: bool,
    /// Takes this step, to be counted by whoever started us
    #[arg(long, hide = true)]
    take: Option<String>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(name) = arguments.take {
        callgrind::take(&mut steps::prepare(&name));
        return Ok(());
    }
    let key = steps::fresh_key();
    let mut counted = Vec::new();
    for name in steps::NAMES {
        counted.push((name, callgrind::of_step(name, &key)?));
    }
    counted.insert(0, ("pixel", callgrind::of_pixel()?));
    let last = table::read()?;
    print!("{}", table::against(&counted, &last));
    if arguments.write { table::write(&counted) } else { Ok(()) }
}
