//! `vigie token`: what the edge will see, made and read without a running gateway.
//!
//! Both commands read the secrets under `data.dir` and make none: a token of secrets made up on the spot would be
//! worth nothing.

mod inspect;
mod mint;

use clap::Subcommand;

use super::Failure;
use crate::config::Config;
use crate::secrets::Secrets;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Mint a token: prints it, its address and, for opens, the pixel's HTML
    Mint(mint::Mint),
    /// Say what a token holds and whether it verifies
    Inspect(inspect::Inspect),
}

impl Token {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        let secrets = Secrets::read(&config.data.dir)?;
        match self {
            Self::Mint(mint) => mint.run(config, &secrets),
            Self::Inspect(inspect) => inspect.run(&secrets),
        }
    }
}
