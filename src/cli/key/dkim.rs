//! `vigie key dkim`: a key that signs a brand's mails, and what to publish for it.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use lettre::message::Mailbox;

use crate::cli::{Exit, Failure, print};
use crate::config::Config;
use crate::model::Name;
use crate::redact::Secret;
use crate::render::Record;

/// An RSA key: what all verifiers take, and what fits a DNS answer (RFC 8301 section 3.2).
const BITS: KeySize = KeySize::Rsa2048;

/// For whom, and where it goes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Dkim {
    /// Whose mails it signs
    #[arg(long)]
    brand: Name,
    /// Its name in DNS; left out: vigie-rsa or vigie-ed25519
    #[arg(long)]
    selector: Option<String>,
    /// Who signs; left out: the domain of the brand's from
    #[arg(long)]
    domain: Option<String>,
    /// Every verifier knows RSA; an Ed25519 signature is made faster and may stand beside it
    #[arg(long, value_enum, default_value_t = Algorithm::Rsa)]
    algorithm: Algorithm,
    /// Where to write the PEM file, which must not exist; left out: dkim/BRAND.SELECTOR.pem in data.dir
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Algorithm {
    Rsa,
    Ed25519,
}

impl Dkim {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        let name = &self.brand;
        let unknown = || Failure::new(Exit::Usage, format!("there is no brand {name} in the configuration"));
        let brand = config.brands.get(name).ok_or_else(unknown)?;
        let from: Mailbox = brand.from.parse().map_err(|_| unknown())?;
        let domain = self.domain.as_deref().unwrap_or_else(|| from.email.domain());
        let selector = self.selector.unwrap_or_else(|| match self.algorithm {
            Algorithm::Rsa => "vigie-rsa".into(),
            Algorithm::Ed25519 => "vigie-ed25519".into(),
        });
        let pem = fresh(self.algorithm)?;
        let record = Record::of_key(&pem, &selector, domain)
            .map_err(|bad| Failure::new(Exit::Internal, format!("a fresh key {bad}")))?;
        let file =
            self.out.unwrap_or_else(|| config.data.dir.join("dkim").join(format!("{name}.{selector}.pem")));
        let file = std::path::absolute(&file).unwrap_or(file);
        write(&file, &pem).map_err(|error| {
            Failure::new(Exit::Configuration, format!("cannot write {}: {error}", file.display()))
        })?;
        print(&format!(
            "# The key is in {file}, for vigie's user alone: copy it to every gateway.\n\n\
             # For DNS. Publish it before you sign:\n{record}\n\n\
             # For the configuration of every gateway:\n\
             [[brands.\"{name}\".dkim]]\nselector = \"{selector}\"\nkey_file = \"{file}\"\n{signer}",
            file = file.display(),
            signer =
                self.domain.as_ref().map(|domain| format!("domain = \"{domain}\"\n")).unwrap_or_default(),
        ))
    }
}

/// A private key, as PKCS#8 in PEM.
fn fresh(algorithm: Algorithm) -> Result<Secret, Failure> {
    let made = match algorithm {
        Algorithm::Rsa => {
            let der = KeyPair::generate(BITS).and_then(|key| key.as_der());
            der.map(|der: Pkcs8V1Der<'_>| pem(der.as_ref()))
        }
        Algorithm::Ed25519 => {
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map(|der| pem(der.as_ref()))
        }
    };
    made.map_err(|_| Failure::new(Exit::Internal, "no key could be made: no random numbers"))
}

fn pem(der: &[u8]) -> Secret {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from).chain(['\n']));
    }
    Secret::new(pem + "-----END PRIVATE KEY-----\n")
}

/// Writes a file that only its owner may read, and that is not there yet.
fn write(path: &Path, pem: &Secret) -> std::io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(pem.expose().as_bytes())?;
    file.sync_all()
}
