//! Flow settings as they lie in `vigie:flows`, and the tokens that are taken by them.

use redis::{Value, cmd};
use serde_json::json;

use super::inner::Inner;
use super::keys::{self, FLOWS};
use super::library::functions;
use super::reply::{Reply, damaged};
use super::router::{Lane, Place};
use crate::model::{FlowScope, FlowSetting, Pass, Rate, SendId, Toll};
use crate::store::time::{millis, timestamp};
use crate::store::{StoreError, Wait};

/// A setting as JSON. The functions do not read texts of moments, so those they need are there as milliseconds, too.
pub(super) fn written(setting: &FlowSetting) -> Vec<u8> {
    let mut written = serde_json::to_value(setting).expect("a setting is plain data");
    if let Some(until) = setting.until {
        written["until_ms"] = json!(millis(until));
    }
    if let Some(ramp) = setting.ramp {
        written["ramp_from_ms"] = json!(millis(ramp.from));
        written["ramp_until_ms"] = json!(millis(ramp.until));
    }
    serde_json::to_vec(&written).expect("JSON can be written")
}

impl Inner {
    /// A flow's setting as it lies there; empty if there is none.
    pub(super) async fn flow_as_written(&self, scope: &FlowScope) -> Result<Vec<u8>, StoreError> {
        let mut get = cmd("HGET");
        get.arg(FLOWS).arg(keys::flow(scope));
        Ok(match self.router.call(Lane::Enqueue, Place::of(FLOWS.as_bytes()), get).await? {
            Value::BulkString(known) => known,
            _ => Vec::new(),
        })
    }

    /// Sets a flow, if its setting still lies there as it was read; tells whether it did.
    pub(super) async fn swap_flow(
        &self,
        scope: &FlowScope,
        known: &[u8],
        setting: &FlowSetting,
    ) -> Result<bool, StoreError> {
        let mut set = cmd("FCALL");
        set.arg(&functions().replace)
            .arg(1)
            .arg(FLOWS)
            .arg(keys::flow(scope))
            .arg(known)
            .arg(written(setting));
        let place = Place::of(FLOWS.as_bytes());
        let done = self.write(vec![(place, set)], self.safe(Wait::Stored)?).await? == [Value::Int(1)];
        if done {
            self.turns.set_flow(scope.clone(), setting.clone());
        }
        Ok(done)
    }

    pub(super) async fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<&FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError> {
        let lies = self.flow_as_written(&scope).await?;
        let has: Option<FlowSetting> = serde_json::from_slice(&lies).ok();
        if has.as_ref() == Some(&setting) {
            return Ok(true);
        }
        Ok(has.as_ref() == known && self.swap_flow(&scope, &lies, &setting).await?)
    }

    pub(super) async fn take(&self, send: SendId, tolls: &[Toll]) -> Result<Pass, StoreError> {
        let mut call = cmd("FCALL");
        call.arg(&functions().take).arg(1).arg(FLOWS).arg(&send.0[..]);
        for Toll { scope, limits } in tolls {
            call.arg(keys::flow(scope));
            match limits.rate.map(Rate::thousandths) {
                Some(rate) => call.arg(rate),
                None => call.arg(""),
            };
            match limits.per_day {
                Some(most) => call.arg(most),
                None => call.arg(""),
            };
        }
        pass(self.router.call(Lane::Hot, Place::of(FLOWS.as_bytes()), call).await?)
    }
}

fn pass(answer: Value) -> Result<Pass, StoreError> {
    let mut reply = Reply::of(answer)?;
    let word = reply.text()?;
    if word == "go" {
        return Ok(Pass::Go);
    }
    let scope = keys::scope(&reply.text()?).ok_or_else(|| damaged("the name of a flow"))?;
    match word.as_str() {
        "paused" => Ok(Pass::Paused(scope, timestamp(reply.int()?))),
        _ => Ok(Pass::Wait(scope, timestamp(reply.int()?))),
    }
}
