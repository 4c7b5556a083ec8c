//! Whether a gateway can account for everything it accepted.

use anyhow::{Result, ensure};

use crate::gateway::Gateway;
use crate::report::Report;

/// What a gateway says of its sends and signals.
#[derive(Debug)]
pub struct Books {
    accepted: f64,
    sent: f64,
    waiting: f64,
    /// Sends in any state.
    all: f64,
    gap: f64,
    /// Signals for which there was no room.
    pub shed: f64,
    /// Signals that the store did not take.
    lost: f64,
}

impl Books {
    /// As they stand.
    pub async fn of(gateway: &Gateway) -> Result<Self> {
        Ok(Self {
            accepted: gateway.total("vigie_sends_accepted_total{", "").await?,
            sent: gateway.total("vigie_sends{", "state=\"sent\"").await?,
            waiting: gateway.total("vigie_sends{", "state=\"waiting\"").await?,
            all: gateway.total("vigie_sends{", "").await?,
            gap: gateway.total("vigie_conservation_gap{", "").await?,
            shed: gateway.total("vigie_signals_shed_total{", "").await?,
            lost: gateway.total("vigie_signals_lost_total", "").await?,
        })
    }

    /// Tells them.
    pub fn tell(&self, report: &mut Report) {
        report.figure("sends accepted", self.accepted, "");
        report.figure("sends sent", self.sent, "");
        report.figure("sends that wait", self.waiting, "");
        report.figure("signals shed", self.shed, "");
        report.figure("signals lost", self.lost, "");
        report.figure("conservation gap", self.gap, "");
    }

    /// Fails if a send is unaccounted for.
    pub fn balance(&self) -> Result<()> {
        ensure!(self.gap == 0.0, "the gateway's books do not balance by {}", self.gap);
        ensure!(
            self.accepted.to_bits() == self.all.to_bits(),
            "{} sends were accepted, and {} are known",
            self.accepted,
            self.all
        );
        Ok(())
    }
}
