//! The flows by number: their counters, and until when an operator holds them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{FlowScope, FlowSetting, FlowState, Flows, Name, SendState};
use crate::store::Counts;

use super::super::time::{EVER, Millis, NEVER, millis};

/// One brand's campaign, or its sends without one.
#[derive(Debug)]
struct Flow {
    scope: FlowScope,
    counts: Counts,
    /// Nothing of it is claimed before this moment.
    held_until: Millis,
}

/// Every flow seen so far. A flow's number never changes while the process lives.
#[derive(Debug, Default)]
pub(in crate::store::embedded) struct FlowTable {
    flows: Vec<Flow>,
    numbers: HashMap<FlowScope, u32>,
    settings: Arc<Flows>,
}

impl FlowTable {
    /// The number of a flow, given to it now if it is new.
    pub(super) fn number(&mut self, scope: FlowScope) -> u32 {
        if let Some(number) = self.numbers.get(&scope) {
            return *number;
        }
        let number = u32::try_from(self.flows.len()).expect("flows are named by configuration and producers");
        let held_until = held_until(&self.settings, &scope.brand, scope.campaign.as_ref());
        self.flows.push(Flow { scope: scope.clone(), counts: Counts::default(), held_until });
        self.numbers.insert(scope, number);
        number
    }

    /// What the flow with this number is called.
    pub(super) fn scope(&self, flow: u32) -> &FlowScope {
        &self.flows[flow as usize].scope
    }

    /// Whether its sends may be claimed.
    pub(super) fn open(&self, flow: u32, now: Millis) -> bool {
        self.opens_at(flow) <= now
    }

    /// When it opens, or opened.
    pub(super) fn opens_at(&self, flow: u32) -> Millis {
        self.flows[flow as usize].held_until
    }

    /// Its counters.
    pub(super) fn counts(&self, flow: u32) -> &Counts {
        &self.flows[flow as usize].counts
    }

    /// The same, to be changed.
    pub(super) fn counts_mut(&mut self, flow: u32) -> &mut Counts {
        &mut self.flows[flow as usize].counts
    }

    /// How many sends of a flow were ever accepted; none of one that is not known yet.
    pub(super) fn accepted(&self, scope: &FlowScope) -> u64 {
        self.numbers.get(scope).map_or(0, |flow| self.counts(*flow).accepted)
    }

    /// The counters of the final states, as they are written to disk.
    pub(super) fn ended(&self, flow: u32) -> [u64; 6] {
        let mut ended = [0; 6];
        ended.copy_from_slice(&self.counts(flow).states[2..]);
        ended
    }

    /// Moves one send of this flow from one state to another.
    pub(super) fn shift(&mut self, flow: u32, from: SendState, to: SendState) {
        let states = &mut self.counts_mut(flow).states;
        states[from as usize] -= 1;
        states[to as usize] += 1;
    }

    /// All counters by scope.
    pub(super) fn snapshot(&self) -> BTreeMap<FlowScope, Counts> {
        self.flows.iter().map(|flow| (flow.scope.clone(), flow.counts.clone())).collect()
    }

    /// The operators' settings.
    pub(in crate::store::embedded) fn settings(&self) -> Arc<Flows> {
        Arc::clone(&self.settings)
    }

    /// Changes one setting.
    pub(super) fn set(&mut self, scope: FlowScope, setting: FlowSetting) {
        let mut settings = Flows::clone(&self.settings);
        settings.settings.insert(scope, setting);
        for flow in &mut self.flows {
            flow.held_until = held_until(&settings, &flow.scope.brand, flow.scope.campaign.as_ref());
        }
        self.settings = Arc::new(settings);
    }
}

/// When the settings let this flow go: the later of what its brand's and its own say.
fn held_until(settings: &Flows, brand: &Name, campaign: Option<&Name>) -> Millis {
    let whole = FlowScope { brand: brand.clone(), campaign: None };
    let part = campaign.map(|name| FlowScope { brand: brand.clone(), campaign: Some(name.clone()) });
    let held = |scope: FlowScope| match settings.settings.get(&scope) {
        Some(setting) if setting.state == FlowState::Paused => setting.until.map_or(NEVER, millis),
        _ => EVER,
    };
    held(whole).max(part.map_or(EVER, held))
}
