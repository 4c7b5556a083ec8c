//! What each part of a gateway is handed of the others.

use std::sync::Arc;

use tokio::sync::watch;

use super::super::StartError;
use super::super::brands::Outside;
use super::super::mailboxes::{Mailboxes, Parts as Watching};
use super::super::opening::rules;
use super::Foundation;
use crate::dispatch::{Dispatcher, Parts, Providers};
use crate::edge::{self, Tracker};
use crate::handoff::Clerk;
use crate::ops::Phase;
use crate::secrets::Vault;
use crate::{api, ops};

impl Foundation {
    pub(super) fn tracker(&self) -> Tracker {
        let paying = self.paying.clone();
        let parts = edge::Parts {
            brands: self.brands.clone(),
            identity: self.identity.clone(),
            classifier: Arc::clone(&self.classifier),
            intake: Arc::clone(&self.intake),
            partners: Arc::clone(&self.partners),
            clock: self.clock.clone(),
            paying: edge::Payments::told_to(move |click| {
                if let Some(send) = click.send {
                    paying.followed(click.brand, click.recipient, send);
                }
            }),
        };
        Tracker::new(parts, &self.registry)
    }

    pub(super) fn dispatcher(&self) -> Dispatcher {
        let parts = Parts {
            store: Arc::clone(&self.store),
            gate: self.gate.clone(),
            renderer: Arc::clone(&self.renderer),
            relays: self.relays.clone(),
            intake: Arc::clone(&self.intake),
            clock: self.clock.clone(),
            classifier: Arc::clone(&self.classifier),
            providers: Providers::new(&self.config.providers),
            brakes: self.brakes.clone(),
            bounces: self.bounces.clone(),
        };
        Dispatcher::new(parts, self.config.dispatch.clone(), &self.registry)
    }

    /// Who writes for the call centre; a guest in another installation's store does not.
    pub(super) fn clerk(&self) -> Option<Clerk> {
        let dir = self.config.handoff.below(&self.config.data.dir).filter(|_| !self.config.store.guest);
        let (store, brands, clock) = (Arc::clone(&self.store) as _, self.brands.clone(), self.clock.clone());
        Clerk::new(dir, store, brands, clock, &self.registry)
    }

    pub(super) fn outside(&self) -> Outside {
        Outside { webhooks: self.webhooks.clone(), store: Arc::clone(&self.store), clock: self.clock.clone() }
    }

    pub(super) fn mailboxes(&self, vault: Vault) -> Result<Mailboxes, StartError> {
        let parts = Watching {
            store: Arc::clone(&self.store),
            vault,
            classifier: Arc::clone(&self.classifier),
            intake: Arc::clone(&self.intake),
        };
        Mailboxes::new(&self.config.watch, parts, &self.registry)
    }

    /// Judges what trusted servers report.
    fn ears(&self) -> api::Ears {
        api::Ears::new(
            self.config.signals.clone(),
            self.identity.clone(),
            Arc::clone(&self.intake),
            Arc::clone(&self.classifier),
            self.clock.clone(),
            &self.registry,
        )
    }

    pub(super) fn api_doors(
        &self,
        keys: api::Keys,
        vault: Vault,
        mailboxes: &Mailboxes,
        dispatcher: &Dispatcher,
    ) -> api::Doors {
        let (renderer, dispatcher) = (Arc::clone(&self.renderer), dispatcher.clone());
        let look = mailboxes.look();
        api::Doors {
            store: Arc::clone(&self.store),
            rules: Arc::new(rules(&self.config, &self.brands)),
            identity: self.identity.clone(),
            ears: Arc::new(self.ears()),
            partners: Arc::clone(&self.partners),
            brands: self.brands.clone(),
            keys,
            gate: self.gate.clone(),
            clock: self.clock.clone(),
            ramps: self.config.flows,
            settings: self.config.api.clone(),
            events: self.config.events.clone(),
            webhooks: self.webhooks.clone(),
            vault,
            watch: self.config.watch.clone(),
            look: Arc::new(move |who| {
                let seen = look(who)?;
                Some(api::Condition { state: seen.state.as_str(), trouble: seen.trouble })
            }),
            imports: self.imports.clone(),
            bounces: self.bounces.clone(),
            try_out: Arc::new(move |spec, facts| {
                renderer
                    .try_out(spec, facts)
                    .map_err(|unfit| api::Unfit { field: unfit.field, problem: unfit.problem })
            }),
            fire: Arc::new(move |claims| {
                dispatcher.fire(claims, None);
                let dispatcher = dispatcher.clone();
                Box::pin(async move { dispatcher.settled().await })
            }),
        }
    }

    pub(super) fn ops_doors(&self, phase: &watch::Sender<Phase>) -> ops::Doors {
        let store = Arc::clone(&self.store);
        let campaigns = self.config.ops.campaigns;
        ops::Doors { registry: self.registry.clone(), store, campaigns, phase: phase.subscribe() }
    }
}
