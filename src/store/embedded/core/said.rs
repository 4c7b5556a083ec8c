//! What people and operators say: consents and flow settings.

use crate::model::{Consent, FlowScope, FlowSetting};
use crate::store::StoreError;

use super::super::state::State;
use super::Core;

impl Core {
    /// `consent`, but for the sync. A withdrawal always holds, whatever the clocks say; a grant only if nothing later is
    /// known.
    pub(in crate::store::embedded) fn consent(&self, consent: &Consent) -> Result<(), StoreError> {
        self.consent_if(consent, true, |known| consent.granted && known.at > consent.at).map(drop)
    }

    /// Records a consent, unless what the person said to the same grantee is `better`; tells whether it did. One that
    /// replaces what seems later takes its moment over; what it replaces is kept behind it if it `keeps` that.
    pub(super) fn consent_if(
        &self,
        consent: &Consent,
        keeps: bool,
        better: impl Fn(&Consent) -> bool,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock()?;
        let known = self.disk.consents(consent.recipient)?;
        let known = known.iter().find(|known| known.grantee == consent.grantee);
        if known.is_some_and(better) {
            return Ok(false);
        }
        // Who withdrew has withdrawn: saying so again and again must not push out what can be shown.
        let again = keeps && !consent.granted && known.is_some_and(|known| !known.granted);
        let at = known.map_or(consent.at, |known| known.at.max(consent.at));
        if !again {
            let mut step = self.disk.step();
            let said = Consent { at, ..consent.clone() };
            step.consent(&said.replacing(known.filter(|_| keeps)));
            step.write().map_err(|error| self.fail(error))?;
        }
        state.consent(consent, self.now());
        self.disk.write(&state.take_changes()).map_err(|error| self.fail(error))?;
        Ok(true)
    }

    /// `set_flow`, but for the sync.
    pub(in crate::store::embedded) fn set_flow(
        &self,
        scope: FlowScope,
        setting: FlowSetting,
    ) -> Result<(), StoreError> {
        self.set_flow_if(scope, setting, |_| false).map(drop)
    }

    /// `replace_flow`, but for the sync.
    pub(in crate::store::embedded) fn replace_flow(
        &self,
        scope: FlowScope,
        known: Option<&FlowSetting>,
        setting: FlowSetting,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock()?;
        let has = state.flow_settings().settings.get(&scope).cloned();
        if has.as_ref() == Some(&setting) {
            return Ok(true);
        }
        if has.as_ref() != known {
            return Ok(false);
        }
        self.put_flow(&mut state, scope, setting)?;
        Ok(true)
    }

    /// Changes a flow's setting, unless the one it has is `better`; tells whether it did.
    pub(super) fn set_flow_if(
        &self,
        scope: FlowScope,
        setting: FlowSetting,
        better: impl FnOnce(&FlowSetting) -> bool,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock()?;
        if state.flow_settings().settings.get(&scope).is_some_and(better) {
            return Ok(false);
        }
        self.put_flow(&mut state, scope, setting)?;
        Ok(true)
    }

    fn put_flow(&self, state: &mut State, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        let mut step = self.disk.step();
        step.flow(&scope, &setting);
        step.write().map_err(|error| self.fail(error))?;
        state.set_flow(scope, setting);
        self.flows.send_replace(state.flow_settings());
        self.rearm(state, self.now());
        Ok(())
    }
}
