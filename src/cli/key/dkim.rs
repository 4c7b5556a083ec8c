//! `vigie key dkim`: a key that signs a brand's mails, and what to publish for it.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lettre::message::Mailbox;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use crate::cli::{Exit, Failure, print};
use crate::config::Config;
use crate::model::Name;
use crate::redact::Secret;
use crate::render::Record;

/// Bits of an RSA key: what all verifiers take, and what fits a DNS answer (RFC 8301 section 3.2).
const BITS: usize = 2048;

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
    let failed = |what: &str| Failure::new(Exit::Internal, format!("no key could be made: {what}"));
    match algorithm {
        Algorithm::Rsa => {
            let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, BITS);
            let pem = key.map_err(|error| failed(&error.to_string()))?.to_pkcs8_pem(LineEnding::LF);
            pem.map(|pem| Secret::new(pem.as_str())).map_err(|error| failed(&error.to_string()))
        }
        Algorithm::Ed25519 => {
            use base64::Engine;
            let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| failed("no random numbers"))?;
            let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
            let lines: Vec<&str> =
                text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            Ok(Secret::new(format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                lines.join("\n")
            )))
        }
    }
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
