//! Rows 9, 11, 13 and 14: what mailbox providers fetch, ahead of people and for them.

use super::super::facts::Facts;
use super::super::memory::Lately;
use super::super::networks::Operator;
use super::Table;
use super::row::{Row, kind, machine, person, unknown, weak};
use crate::config::Ahead;
use crate::model::{Class, HintKind, Judgement, Presence};

impl Table {
    /// Row 9. Gmail fetches ahead only into a session that is open, so somebody has Gmail open now.
    pub(super) fn gmail_prefetch(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let known = match facts.network {
            Some(tag) => tag.operator == Operator::Google,
            None => !self.settings.require_proxy_network,
        };
        if !known {
            let row = machine(Class::Bot, 0.95, "agent:gmail-prefetch-elsewhere");
            return self.settle(kind(facts), row, facts, lately);
        }
        let row = machine(Class::Prefetch, 0.97, facts.agent.reason);
        let row = match self.settings.gmail_prefetch {
            Ahead::Off => row,
            Ahead::Weak => Row { presence: Presence::Weak, hint: 70, ..row },
            Ahead::Fire => Row { presence: Presence::Yes, hint: 70, ..row },
        };
        self.settle(HintKind::Prefetch, row, facts, lately)
    }

    /// Row 11. Apple's devices fetch all images ahead, whoever reads or not.
    pub(super) fn apple_privacy(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let row = machine(Class::Prefetch, 0.95, "agent:apple-privacy");
        let row = match self.settings.apple_privacy {
            Ahead::Off => row,
            Ahead::Weak | Ahead::Fire => Row { presence: Presence::Weak, hint: 20, ..row },
        };
        self.settle(HintKind::Prefetch, row, facts, lately)
    }

    /// Row 13.
    pub(super) fn google_proxy(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let settle = |row| self.settle(kind(facts), row, facts, lately);
        match facts.network {
            Some(tag) if tag.operator == Operator::Google => self.proxy(0.9, facts, lately),
            Some(_) => settle(machine(Class::Bot, 0.95, "agent:googleimageproxy-elsewhere")),
            None if self.settings.require_proxy_network => settle(unknown(0.3, facts.agent.reason)),
            None => self.proxy(0.8, facts, lately),
        }
    }

    /// Row 14. Where these proxies are is not published, so only where they cannot be is known.
    pub(super) fn other_proxy(&self, sure: f32, facts: &Facts, lately: &Lately) -> Judgement {
        let settle = |row| self.settle(kind(facts), row, facts, lately);
        match facts.network {
            Some(tag) if tag.operator == Operator::Hosting || tag.is_gateway() => {
                settle(machine(Class::Bot, 0.95, "agent:imageproxy-elsewhere"))
            }
            None if self.settings.require_proxy_network => settle(unknown(0.3, facts.agent.reason)),
            _ => self.proxy(sure, facts, lately),
        }
    }

    /// Rows 13 and 14: a provider's proxy shows the mail to somebody, but not in the first moments.
    fn proxy(&self, sure: f32, facts: &Facts, lately: &Lately) -> Judgement {
        let settled =
            self.settle(HintKind::Proxy, person(Class::Proxy, sure, facts.agent.reason), facts, lately);
        let early = weak(Class::Unknown, 0.45, "window:proxy");
        let early = self.verdict(early, facts, &Lately::default());
        if facts.about { settled.below(self.settings.window_proxy, early) } else { settled }
            .guarded(self.guard(facts))
    }
}
