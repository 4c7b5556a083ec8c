//! Changing a flow's setting, and telling it.

use jiff::Timestamp;
use serde_json::json;

use crate::model::{Event, FlowScope, FlowSetting, Rate};
use crate::store::{Store, StoreError};

/// Changes a flow's setting as [`Store::set_flow`] does, and announces `flow.changed`. Whoever changes one while a gateway
/// runs does it here or by [`replace`], so that no change goes untold; but for a process that dies, or a store that goes
/// away, between the two steps: then the setting holds and its event is missing.
///
/// # Errors
/// As [`Store::set_flow`]: then nothing is told.
pub async fn change(
    store: &dyn Store,
    scope: FlowScope,
    setting: FlowSetting,
    now: Timestamp,
) -> Result<(), StoreError> {
    store.set_flow(scope.clone(), setting.clone()).await?;
    tell(store, &scope, &setting, now).await;
    Ok(())
}

/// The same as long as the flow's setting is still `known`; tells whether it is `setting` now.
///
/// # Errors
/// As [`Store::replace_flow`]: then nothing is told.
pub async fn replace(
    store: &dyn Store,
    scope: FlowScope,
    known: Option<FlowSetting>,
    setting: FlowSetting,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = store.replace_flow(scope.clone(), known, setting.clone()).await?;
    if done {
        tell(store, &scope, &setting, now).await;
    }
    Ok(done)
}

async fn tell(store: &dyn Store, scope: &FlowScope, setting: &FlowSetting, now: Timestamp) {
    if let Err(error) = store.announce(event(scope, setting, now)).await {
        tracing::warn!(flow = %scope, %error, "the flow was changed, but nobody could be told");
    }
}

/// The event: the flow as /v1/flows names it, and its setting. A flow is set once at an instant, which recognises it.
fn event(scope: &FlowScope, setting: &FlowSetting, now: Timestamp) -> Event {
    let campaign = scope.campaign.as_ref();
    let name = campaign.map_or(scope.brand.to_string(), |campaign| format!("{}/{campaign}", scope.brand));
    let mut data = json!({ "scope": name, "state": setting.state });
    let told = [
        ("rate_per_second", json!(setting.rate_per_second.map(Rate::as_per_second))),
        ("per_day", json!(setting.per_day)),
        ("until", json!(setting.until)),
        ("ramp", json!(setting.ramp)),
        ("by", json!(setting.by)),
        ("reason", json!(setting.reason)),
    ];
    for (key, value) in told {
        if !value.is_null() {
            data[key] = value;
        }
    }
    let since = setting.since.unwrap_or(now);
    Event {
        id: format!("flow-{}-{since}", name.replace('/', "-")),
        kind: "flow.changed".to_owned(),
        at: since,
        brand: scope.brand.clone(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FlowState;

    #[test]
    fn an_event_says_what_holds_by_whom_and_why() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a moment");
        let scope = FlowScope::domain(&"gmail".parse().expect("a name"));
        let setting = FlowSetting {
            state: FlowState::Running,
            rate_per_second: Rate::per_second(2.5),
            by: Some("vigie".into()),
            reason: Some("too many".into()),
            since: Some(now),
            ..FlowSetting::default()
        };
        let event = event(&scope, &setting, now);
        assert_eq!(event.id, "flow-domain-gmail-2026-03-02T09:00:00Z");
        assert!(Event::KINDS.contains(&event.kind.as_str()));
        let expected = json!({
            "scope": "domain/gmail", "state": "running", "rate_per_second": 2.5, "by": "vigie", "reason": "too many",
        });
        assert_eq!(event.data, expected);
    }
}
