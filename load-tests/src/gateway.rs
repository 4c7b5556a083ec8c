//! A real gateway in a process of its own: the release binary, a temporary directory, free ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vigie::cli::http::Client;
use vigie::secrets::Secrets;

use crate::process;

/// The operator key of the gateway under test; it lives as long as the test and only on loopback.
pub const KEY: &str = "vg_operator_load_0123456789abcdefghijklmnopqrstuvwxyzABCDE";

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Child,
    directory: TempDir,
    /// Where mail clients reach it.
    pub edge: SocketAddr,
    /// Where producers reach it.
    pub api: SocketAddr,
    /// Where Prometheus reaches it.
    pub ops: SocketAddr,
}

impl Gateway {
    /// Starts the binary beside this one, with this `store.url` and these `VIGIE__…` settings beside free ports and a
    /// fresh directory.
    pub async fn start(store: &str, settings: &[(&str, &str)]) -> Result<Self> {
        Self::configured(store, None, settings).await
    }

    /// Another one on the same store, which knows people by the same names.
    pub async fn beside(&self, store: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::copy(self.directory.path().join("secrets.toml"), directory.path().join("secrets.toml"))?;
        Self::run(directory, store, None, &[]).await
    }

    /// As [`start`](Self::start), with a configuration file.
    pub async fn configured(store: &str, file: Option<&Path>, settings: &[(&str, &str)]) -> Result<Self> {
        Self::run(tempfile::tempdir()?, store, file, settings).await
    }

    async fn run(
        directory: TempDir,
        store: &str,
        file: Option<&Path>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = Command::new(binary()?);
        if let Some(file) = file {
            command.arg("--config").arg(file);
        }
        command
            .env("VIGIE__DATA__DIR", directory.path())
            .env("VIGIE__STORE__URL", store)
            .env("VIGIE__LOG__FILTER", "warn,vigie::store::redis::server=error,vigie::edge::client=error")
            .env("VIGIE__EDGE__LISTEN", "127.0.0.1:0")
            .env("VIGIE__API__LISTEN", "127.0.0.1:0")
            .env("VIGIE__OPS__LISTEN", "127.0.0.1:0")
            .env("VIGIE_OPERATOR_KEY", KEY)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let mut child = command.spawn().context("starting vigie")?;
        let out = child.stdout.take().context("vigie's standard output")?;
        let mut lines = BufReader::new(out).lines();
        let mut addresses = Vec::new();
        while addresses.len() < 3 {
            let Some(line) = lines.next_line().await? else { bail!("vigie ended before it listened") };
            addresses.extend(line.rsplit(' ').next().and_then(|word| word.parse::<SocketAddr>().ok()));
        }
        let [edge, api, ops] = addresses[..] else { bail!("vigie announced {addresses:?}") };
        Ok(Self { child, directory, edge, api, ops })
    }

    /// A connection to the API, with an operator's key.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::connect(self.api, Some(KEY)).await?)
    }

    /// The keys it signs with, for minting outside of the process that is measured.
    pub fn secrets(&self) -> Result<Secrets> {
        Ok(Secrets::read(self.directory.path())?)
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("vigie has ended")
    }

    /// Processor time it has used so far.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(process::cpu(self.pid()?)?)
    }

    /// Resident memory in bytes, as the kernel counts it.
    pub fn resident(&self) -> Result<u64> {
        process::memory(self.pid()?, "VmRSS:")
    }

    /// The most that was resident at any moment.
    pub fn peak(&self) -> Result<u64> {
        process::memory(self.pid()?, "VmHWM:")
    }

    /// Bytes on disk under the data directory.
    pub fn on_disk(&self) -> Result<u64> {
        fn size(path: PathBuf) -> std::io::Result<u64> {
            let meta = std::fs::symlink_metadata(&path)?;
            if !meta.is_dir() {
                return Ok(meta.len());
            }
            std::fs::read_dir(path)?.map(|entry| size(entry?.path())).sum()
        }
        Ok(size(self.directory.path().to_owned())?)
    }

    /// The value of a metric's first series that contains `labels`, from a scrape.
    pub async fn metric(&self, name: &str, labels: &str) -> Result<f64> {
        let text = self.scrape().await?;
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(labels));
        let value = line.and_then(|line| line.rsplit(' ').next()).with_context(|| format!("no {name}"))?;
        Ok(value.parse()?)
    }

    /// A counter's sum over all its series that contain `labels`; zero if there is none.
    pub async fn total(&self, name: &str, labels: &str) -> Result<f64> {
        let text = self.scrape().await?;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    async fn scrape(&self) -> Result<String> {
        let answer = Client::connect(self.ops, None).await?.get("/metrics").await?;
        Ok(String::from_utf8(answer.body.to_vec())?)
    }
}

/// `vigie` beside this program: built by `cargo build --release --workspace`.
pub fn binary() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("vigie");
    if !binary.exists() {
        bail!("{} is missing: run `cargo build --release --workspace` first", binary.display());
    }
    Ok(binary)
}
