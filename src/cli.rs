//! The command line: one file per command, and one place where a failure becomes an exit code.

mod bounces;
mod check;
mod classify;
pub mod demo;
mod exit;
pub mod http;
mod import;
mod key;
mod list_metrics;
mod manual;
mod ready;
mod redis;
mod scratch;
mod serve;
mod store;
mod supervisor;
mod token;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::Sockets;
use crate::config::{self, Config};

pub use exit::{Exit, Failure};

/// Holds each collection e-mail until its recipient is seen online, then fires it within milliseconds.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    /// A configuration file; later ones override earlier ones, and `VIGIE__SECTION__KEY` overrides all.
    #[arg(long, global = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 64 wrong command line, 65 wrong input, 69 something is unreachable, 70 internal error, 75 try again \
later, 78 wrong configuration.";

/// What can be asked for.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (what happens without a subcommand, too)
    Serve {
        /// Only say whether the configuration is valid, and do not start.
        #[arg(long)]
        check: bool,
        /// Start on a Redis that loses sends when it restarts or runs out of memory.
        #[arg(long)]
        accept_losing_sends: bool,
    },
    /// See it work: everything in this one process, nothing needed, nothing left behind
    Demo,
    /// Say whether a gateway with this configuration would do its work: templates, store, relay, names
    Check {
        /// Ask outside, too: DNS, whether brands' hosts have addresses and their signatures' keys are published (this
        /// machine's name servers, or the one of that address), and the hosts themselves, how long their certificates last.
        #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "system", require_equals = true)]
        dns: Option<check::names::Asked>,
    },
    /// Say whether the gateway of this configuration takes work, for health checks
    Ready,
    /// Say what requests would be worth, by the rules that judge them at the edge
    #[command(long_about = classify::ABOUT, verbatim_doc_comment)]
    Classify(classify::Classify),
    /// Push a CSV or NDJSON feed through the API of a running gateway; safe to run twice
    #[command(long_about = import::ABOUT, verbatim_doc_comment)]
    Import(import::Import),
    /// Bring mails that came back to a running gateway: from files, or by a pipe
    #[command(long_about = bounces::ABOUT, verbatim_doc_comment)]
    Bounces(bounces::Bounces),
    /// Print every metric with its labels, its meaning and when to alert
    ListMetrics {
        /// As JSON, for tools.
        #[arg(long)]
        json: bool,
    },
    /// Mint tracking tokens without a running gateway, or say what one holds
    #[command(subcommand)]
    Token(token::Token),
    /// Prepare a Redis, and say whether it is fit
    #[command(subcommand)]
    Redis(redis::Redis),
    /// Make API keys, and keys that sign mails
    #[command(subcommand)]
    Key(key::Key),
    /// Move stores
    #[command(subcommand)]
    Store(store::Store),
    /// Print what a shell reads to complete the command line
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory, for packages
    #[command(hide = true)]
    Man {
        /// Where to.
        directory: PathBuf,
    },
    /// Print the default configuration file: every key, commented
    DefaultConfig,
    /// Print the sample brand's file, brand.toml: every key, commented
    DefaultBrand,
}

/// Reads the command line, does what it says, and gives the code to exit with.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let command = arguments.command.unwrap_or(Command::Serve { check: false, accept_losing_sends: false });
    match command.run(&arguments.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Command {
    fn run(self, files: &[PathBuf]) -> Result<(), Failure> {
        match self {
            Self::Serve { check: true, .. } => configuration(files).map(drop),
            Self::Serve { accept_losing_sends, .. } => {
                // Before the runtime has threads: the sockets are taken out of the environment.
                let sockets = Sockets::inherited()?;
                let mut config = configuration(files)?;
                config.store.accept_losing_sends = accept_losing_sends;
                wait_for(serve::run(config, sockets))
            }
            Self::Demo => wait_for(demo::run()),
            Self::Check { dns } => wait_for(check::run(&configuration(files)?, dns)),
            Self::Ready => wait_for(ready::run(&configuration(files)?)),
            Self::Classify(command) => command.run(),
            Self::Import(command) => wait_for(command.run(&configuration(files)?)),
            Self::Bounces(command) => wait_for(command.run(&configuration(files)?)),
            Self::ListMetrics { json } => wait_for(list_metrics::run(json)),
            Self::Token(command) => command.run(&configuration(files)?),
            Self::Redis(command) => wait_for(command.run(configuration(files)?)),
            Self::Key(command) => command.run(files),
            Self::Store(command) => wait_for(command.run(&configuration(files)?)),
            Self::Completions { shell } => manual::completions(shell),
            Self::Man { directory } => manual::man(&directory),
            Self::DefaultConfig => print(config::DEFAULT),
            Self::DefaultBrand => print(config::SAMPLE_BRAND),
        }
    }
}

/// Runs a command that waits for sockets, on a runtime with a thread for each core.
fn wait_for(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))?.block_on(command)
}

/// Help and the version are answers, anything else is a wrong command line.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody reads the output; the code still says it.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS }
}

/// The configuration from files and this process' environment.
fn configuration(files: &[PathBuf]) -> Result<Config, Failure> {
    Ok(Config::load(files, std::env::vars_os())?)
}

/// Writes text to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}
