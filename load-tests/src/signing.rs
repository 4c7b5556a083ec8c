//! A key that signs the sample brand's mails, made as an operator makes one.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::gateway::binary;

/// The variables by which a gateway signs with an RSA key of 2048 bits, which is left in `directory`.
pub fn with_rsa(directory: &Path) -> Result<[(&'static str, String); 2]> {
    let file = directory.join("rsa.pem");
    let mut command = Command::new(binary()?);
    command.args(["key", "dkim", "--brand", "demo", "--out"]).arg(&file).stdout(Stdio::null());
    ensure!(command.status().context("starting vigie")?.success(), "no key was made");
    Ok([
        ("VIGIE__BRANDS__DEMO__DKIM__SELECTOR", "load".into()),
        ("VIGIE__BRANDS__DEMO__DKIM__KEY_FILE", file.display().to_string()),
    ])
}
