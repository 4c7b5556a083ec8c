//! `vigie key`: an API key, shown once, and what the configuration keeps of it; keys that sign mails.

mod dkim;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Exit, Failure, configuration, print};
use crate::config::{Config, Role};
use crate::model::Name;
use crate::secrets::{self, NewApiKey, hash};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key: prints it once, and the lines for the configuration
    New(New),
    /// Make a key that signs a brand's mails (DKIM): writes it to a file, and prints what to publish in DNS
    Dkim(dkim::Dkim),
    /// Print the secret that a brand's payment page verifies links with
    Payment(Payment),
}

/// Who the key is for.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What it may do
    #[arg(long)]
    role: Role,
    /// For producers: the one brand it may push for
    #[arg(long, required_if_eq("role", "producer"))]
    brand: Option<Name>,
}

/// Whose links.
#[derive(Debug, Args)]
pub(super) struct Payment {
    /// Whose payment page
    #[arg(long)]
    brand: Name,
}

impl Payment {
    fn run(self, config: &Config) -> Result<(), Failure> {
        let secret = secrets::payment_secret(&config.data.dir, &self.brand)?;
        print(&format!(
            "# Verifies payment links of {brand}, and forges them: for its payment page alone.\n{secret}\n",
            brand = self.brand,
            secret = secret.expose(),
        ))
    }
}

impl Key {
    pub(super) fn run(self, files: &[PathBuf]) -> Result<(), Failure> {
        match self {
            Self::New(new) => new.run(),
            Self::Payment(payment) => payment.run(&configuration(files)?),
            Self::Dkim(dkim) => dkim.run(&configuration(files)?),
        }
    }
}

impl New {
    fn run(self) -> Result<(), Failure> {
        if self.role != Role::Producer && self.brand.is_some() {
            return Err(Failure::new(Exit::Usage, "--brand is for producers: the other roles know no brand"));
        }
        let key = NewApiKey::random(self.role)?;
        let role = match self.role {
            Role::Producer => "producer",
            Role::Signals => "signals",
            Role::Operator => "operator",
        };
        let brand = self.brand.map(|brand| format!("brand = \"{brand}\"\n")).unwrap_or_default();
        print(&format!(
            "# The key. It is shown this once: only its hash is kept.\n{text}\n\n\
             # For the configuration of every gateway:\n\
             [[api.keys]]\nid = \"{id}\"\nhash = \"{hash}\"\nrole = \"{role}\"\n{brand}",
            text = key.text.expose(),
            id = key.id,
            hash = hash(key.text.expose()),
        ))
    }
}
