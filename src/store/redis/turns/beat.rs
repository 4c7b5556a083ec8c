//! One beat: we live; who else does; what the flows are; when our partitions' timers come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{Value, cmd};

use super::super::fault::Fault;
use super::super::inner::Inner;
use super::super::keys::{FLOWS, GATEWAYS, flow, scope};
use super::super::library::functions;
use super::super::reply::{Reply, number};
use super::super::router::{Lane, Place};
use super::super::settings::written;
use super::{ALIVE, BEAT};
use crate::model::{FlowSetting, Flows};
use crate::store::StoreError;
use crate::store::time::{Millis, millis};

impl Inner {
    /// Beats until the store is closed.
    pub(in crate::store::redis) async fn keep_beating(self: Arc<Self>) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beat.tick().await;
        let mut said = false;
        loop {
            beat.tick().await;
            match self.beat().await {
                Err(error @ StoreError::Unfit(_)) if !said => {
                    said = true;
                    tracing::error!(%error, "the store is not what it was");
                }
                Err(error) => tracing::debug!(%error, "the store was not heard of"),
                Ok(()) => said = false,
            }
            self.follow_figures();
        }
    }

    /// One beat: we live; who else does; what the flows are; when our partitions' timers come. Of a cluster, the server
    /// that has what all share may be away, and others have work to do.
    pub(in crate::store::redis) async fn beat(&self) -> Result<(), StoreError> {
        let heard = self.hear_of_others().await;
        self.follow_mailboxes().await;
        let unread = self.turns.out_of_sight();
        self.read_held(&unread).await;
        self.read_heads(&unread).await;
        heard
    }

    async fn hear_of_others(&self) -> Result<(), StoreError> {
        let before = self.turns.clock.now();
        let mut answer =
            Reply::of(self.beat_call(if self.turns.guest { Duration::ZERO } else { ALIVE }).await?)?;
        let server = answer.int()?;
        let after = self.turns.clock.now();
        // A clock that was moved between question and answer says nothing about the other one.
        if after.duration_since(before) < jiff::SignedDuration::from_millis(250) {
            self.turns.set_offset(server - millis(after));
        }
        let mut gateways = Vec::new();
        while !answer.is_empty() {
            gateways.push(answer.text()?);
        }
        self.turns.share(gateways);
        // Only now that others see us: see `moving`.
        self.read_shut().await?;
        self.read_flows().await?;
        // Who only visits does not say whose it is.
        if self.turns.guest { Ok(()) } else { self.keep_meta().await }
    }

    /// How many gateways live, this process not counted.
    pub(in crate::store::redis) async fn other_gateways(&self) -> Result<u64, StoreError> {
        let alive = if self.turns.guest { Duration::ZERO } else { ALIVE };
        let mut answer = Reply::of(self.beat_call(alive).await?)?;
        answer.int()?;
        let mut others = 0;
        while !answer.is_empty() {
            others += u64::from(answer.text()? != self.turns.name);
        }
        Ok(others)
    }

    /// Signs off: the others take over at once.
    pub(in crate::store::redis) async fn sign_off(&self) -> Result<(), StoreError> {
        self.beat_call(Duration::ZERO).await.map(drop)
    }

    async fn beat_call(&self, alive: Duration) -> Result<Value, StoreError> {
        let mut call = cmd("FCALL");
        call.arg(&functions().beat)
            .arg(1)
            .arg(GATEWAYS)
            .arg(&self.turns.name)
            .arg(alive.as_millis().to_string());
        Ok(self.router.call(Lane::Control, Place::of(GATEWAYS.as_bytes()), call).await?)
    }

    async fn read_flows(&self) -> Result<(), StoreError> {
        let known = Arc::clone(&self.turns.flows.borrow());
        let mut read = cmd("HGETALL");
        read.arg(FLOWS);
        let mut reply = Reply::of(self.router.call(Lane::Control, Place::of(FLOWS.as_bytes()), read).await?)?;
        let (gone, mut flows) = (reply.is_empty(), Flows::default());
        while !reply.is_empty() {
            let (name, setting) = (reply.text()?, reply.bytes()?);
            let setting: Option<FlowSetting> = serde_json::from_slice(&setting).ok();
            if let (Some(scope), Some(setting)) = (scope(&name), setting) {
                flows.settings.insert(scope, setting);
            } else {
                tracing::error!("vigie:flows holds a setting that cannot be read; it is ignored");
            }
        }
        if !Arc::ptr_eq(&known, &self.turns.flows.borrow()) {
            // Somebody set one here meanwhile, which this answer may not know.
            return Ok(());
        }
        if gone && !known.settings.is_empty() {
            return self.restore_flows(&known).await;
        }
        self.turns.follow(flows);
        Ok(())
    }

    /// No setting is ever removed, so somebody emptied or replaced this Redis: what is paused stays paused.
    async fn restore_flows(&self, known: &Flows) -> Result<(), StoreError> {
        tracing::error!(
            settings = known.settings.len(),
            "vigie:flows is gone; what this gateway knows is written back"
        );
        if self.turns.guest {
            return Ok(());
        }
        for (scope, setting) in &known.settings {
            let mut set = cmd("HSETNX");
            set.arg(FLOWS).arg(flow(scope)).arg(written(setting));
            self.router.call(Lane::Control, Place::of(FLOWS.as_bytes()), set).await?;
        }
        Ok(())
    }

    /// What partitions hold back that are newly ours, or did not answer a tick, may have been let go meanwhile: those that
    /// hold anything are due. One that does not answer is asked with the next beat again.
    async fn read_held(&self, unread: &[usize]) {
        let ask = |number: &usize| {
            let partition = &self.partitions.all()[*number];
            let mut exists = cmd("EXISTS");
            exists.arg(format!("{}:f", partition.tag));
            (partition.place, exists)
        };
        let held = self.router.many(Lane::Control, unread.iter().map(ask).collect()).await;
        for (&number, held) in unread.iter().zip(held) {
            match held {
                Ok(Value::Int(1)) => self.turns.hint(u16::try_from(number).unwrap_or_default(), 1),
                Ok(_) => {}
                Err(_) => self.turns.lose_sight(number),
            }
        }
    }

    /// When the timers of our partitions come, and of those whose last tick was not answered.
    async fn read_heads(&self, unread: &[usize]) {
        let asked = |number: &usize| {
            self.turns.ours[*number].load(Ordering::Relaxed) || unread.binary_search(number).is_ok()
        };
        let asked: Vec<usize> = (0..self.turns.ours.len()).filter(asked).collect();
        let ask = |number: &usize| {
            let partition = &self.partitions.all()[*number];
            ["t", "o", "v"].map(|timers| {
                let mut range = cmd("ZRANGE");
                range.arg(format!("{}:{timers}", partition.tag)).arg(0).arg(0).arg("WITHSCORES");
                (partition.place, range)
            })
        };
        let heads = self.router.many(Lane::Control, asked.iter().flat_map(ask).collect()).await;
        for (number, head) in asked.into_iter().flat_map(|number| [number; 3]).zip(heads) {
            match head {
                Ok(head) => {
                    if let Some(when) = first_score(head) {
                        self.turns.hint(u16::try_from(number).unwrap_or_default(), when.max(1));
                    }
                }
                Err(fault @ Fault::Refused(_)) => self.turns.complain(number, &fault),
                Err(_) => {}
            }
        }
    }
}

fn first_score(range: Value) -> Option<Millis> {
    let mut reply = Reply::of(range).ok()?;
    let first = reply.next().ok()?;
    // RESP3 pairs member and score.
    if let Value::Array(_) = first {
        reply = Reply::of(first).ok()?;
        reply.next().ok()?;
    }
    match reply.next().ok()? {
        #[expect(clippy::cast_possible_truncation, reason = "a score is whole milliseconds")]
        Value::Double(score) => Some(score as Millis),
        Value::BulkString(score) => number(&score),
        _ => None,
    }
}
