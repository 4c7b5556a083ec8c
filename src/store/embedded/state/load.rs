//! Building the state from what lies on disk, after a clean stop or a crash alike.

use crate::model::{Consent, FlowScope, FlowSetting, Name, RecipientId, SendId, SendState};

use super::recent::{LANDED, Mail};
use super::{Millis, State};
use crate::store::embedded::records::{Contacted, Event, Head, Tally};

impl State {
    /// A flow's counter as it was.
    pub(in crate::store::embedded) fn load_tally(&mut self, scope: FlowScope, tally: &Tally) {
        let flow = self.flows.number(scope);
        let counts = self.flows.counts_mut(flow);
        match tally {
            Tally::Accepted(accepted) => counts.accepted = *accepted,
            Tally::Ended(ended) => counts.states[2..].copy_from_slice(ended),
        }
    }

    /// A flow's setting as it was.
    pub(in crate::store::embedded) fn load_flow(&mut self, scope: FlowScope, setting: FlowSetting) {
        self.flows.set(scope, setting);
    }

    /// A person's word as it was.
    pub(in crate::store::embedded) fn load_consent(&mut self, consent: &Consent) {
        self.consents.set(consent.recipient, &consent.grantee, consent.granted);
    }

    /// Mails that went out to people not long ago.
    pub(in crate::store::embedded) fn load_contacts(&mut self, sent: Vec<(RecipientId, Vec<Contacted>)>) {
        self.contacts.load(sent);
    }

    /// A mail that went out not long ago, in the order they did.
    pub(in crate::store::embedded) fn load_recent(
        &mut self,
        id: SendId,
        at: Millis,
        provider: Option<Name>,
        history: &[Event],
    ) {
        let events = history.iter().map(|event| event.n).max().unwrap_or_default();
        let landed = history.iter().any(|event| event.line.event == LANDED);
        self.recent.sent(id, Mail { at, provider, events, landed });
    }

    /// A live send. Whoever had claimed it is dead, for this store has one process: the send waits again at once, or
    /// is in doubt if its hand-over had begun.
    pub(in crate::store::embedded) fn load_send(&mut self, id: SendId, head: &Head, now: Millis) {
        self.arrivals = self.arrivals.max(head.arrival);
        let slot = self.place(id, head, now);
        let flow = self.sends.at(slot).flow;
        let claimed = head.held.filter(|held| held.ended.is_none());
        if let Some(held) = head.held {
            self.holds.insert(slot, held);
        }
        let Some(last) = claimed else {
            self.flows.counts_mut(flow).states[SendState::Waiting as usize] += 1;
            return;
        };
        self.flows.counts_mut(flow).states[SendState::Claimed as usize] += 1;
        self.unshelve(slot);
        self.unclaim(slot, 0);
        if last.begun {
            self.doubt(slot, "restart", now);
        } else {
            self.note(slot, now, "released", "restart");
            self.come_back(slot, now);
        }
    }
}

impl Head {
    /// The flow it belongs to.
    pub(in crate::store::embedded) fn scope(&self) -> FlowScope {
        FlowScope { brand: self.brand.clone(), campaign: self.campaign.clone() }
    }
}
