//! `vigie serve`: the gateway, from its configuration to its last claim.

use std::io::Write;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::check::machine;
use super::supervisor::{self, Watchdog};
use super::{Exit, Failure};
use crate::app::{Gateway, Sockets, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::secrets::{self, Prepared};
use crate::telemetry;

/// Runs a gateway until it is told to stop (SIGTERM, SIGINT); SIGHUP reads brands, agents and networks again.
pub(super) async fn run(config: Config, sockets: Sockets) -> Result<(), Failure> {
    // 1. Logs, so that everything after can speak; and as many open files as the machine gives.
    telemetry::logs(&config.log)?;
    if let Err(error) = machine::open_more_files() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    // 2. Secrets: read, or made on the first start.
    let operator = std::env::var("VIGIE_OPERATOR_KEY").ok();
    let prepared = secrets::prepare(&config.data.dir, &secrets::owners(&config), operator.as_deref())?;
    let files = files(&prepared);
    // 3. The signals that stop, before there is anything to stop.
    let mut signals = Signals::new().map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    // 4. The gateway.
    let gateway = Gateway::start(config, prepared, Clock::system(), sockets).await?;
    // 5. Where it listens, for people and for whoever started it on port 0; and that it does, for its supervisor.
    let at = gateway.addresses();
    announce(&format!(
        "{files}edge listening on {}\napi listening on {}\nops listening on {}\n",
        at.edge, at.api, at.ops
    ))?;
    supervisor::ready();
    let _watchdog = Watchdog::start();
    // 6. Wait.
    let ended = wait(&gateway, &mut signals).await;
    // 7. Drain.
    supervisor::stopping();
    tracing::info!("stopping: no new claims, attempts under way finish");
    let left = gateway.stop().await;
    ended?;
    match left {
        0 => Ok(()),
        left => {
            Err(Failure::new(Exit::TryAgain, format!("{left} attempts did not finish within dispatch.drain")))
        }
    }
}

/// Waits until somebody wants the gateway to stop, or its store has failed and a new process must go on from disk.
async fn wait(gateway: &Gateway, signals: &mut Signals) -> Result<(), Failure> {
    loop {
        let wanted = tokio::select! {
            wanted = signals.next() => wanted,
            error = gateway.failed() => return Err(Failure::new(Exit::TryAgain, error.to_string())),
        };
        match wanted {
            Wanted::Stop => return Ok(()),
            Wanted::Reload => {
                supervisor::reloading();
                gateway.reload();
                supervisor::ready();
            }
        }
    }
}

/// Says that nobody should look for keys elsewhere.
fn files(prepared: &Prepared) -> String {
    let made = prepared.made.iter().map(|file| format!("made {}: keep a backup\n", file.display()));
    let key = prepared.operator.file.iter().map(|file| format!("operator key in {}\n", file.display()));
    made.chain(key).collect()
}

fn announce(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// What a signal asks for.
enum Wanted {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.hangup.recv() => Wanted::Reload,
            _ = self.interrupt.recv() => Wanted::Stop,
            _ = self.terminate.recv() => Wanted::Stop,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match error {
            StartError::Configuration(_) => Exit::Configuration,
            StartError::Unavailable(_) | StartError::InUse(_) => Exit::Unavailable,
            StartError::Damaged(_) => Exit::Data,
        };
        Self::new(exit, error.to_string())
    }
}
