//! Operators hold flows and let them go.

use vigie::model::{FlowScope, FlowSetting, FlowState};

use super::bench::{Backend, Bench, name, references, send, signal, who};

/// The brand `demo`, or one of its campaigns.
pub(crate) fn scope(campaign: Option<&str>) -> FlowScope {
    FlowScope { brand: name("demo"), campaign: campaign.map(name) }
}

/// Paused, until somebody says otherwise.
pub(crate) fn paused() -> FlowSetting {
    FlowSetting { state: FlowState::Paused, reason: Some("incident".into()), ..FlowSetting::default() }
}

pub(crate) async fn a_paused_flow_holds_its_sends<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    bench.store().set_flow(scope(None), paused()).await.expect("set_flow works");
    assert!(bench.touch(who(1)).await.is_empty());
    assert!(bench.accept(&send("s-2", who(1))).await.is_none(), "nor at enqueue");
    bench.store().set_flow(scope(None), FlowSetting::default()).await.expect("set_flow works");
    assert!(bench.tick().await.claims.is_empty(), "only the next signal releases them: no wave");
    assert_eq!(references(&bench.touch(who(1)).await), ["s-1", "s-2"]);
}

pub(crate) async fn a_paused_campaign_leaves_the_others_running<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letters = [("none", None), ("wave", Some("wave")), ("other", Some("other"))];
    let letters = letters.map(|(reference, campaign)| {
        let mut letter = send(reference, who(1));
        letter.campaign = campaign.map(name);
        letter
    });
    bench.enqueue(&letters).await;
    bench.store().set_flow(scope(Some("wave")), paused()).await.expect("set_flow works");
    assert_eq!(references(&bench.touch(who(1)).await), ["none", "other"]);
}

pub(crate) async fn only_what_is_known_is_replaced<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (flow, store) = (scope(Some("wave")), bench.store());
    let replace = async |known: Option<FlowSetting>, setting: FlowSetting| {
        store.replace_flow(scope(Some("wave")), known, setting).await.expect("replace_flow works")
    };
    let slower = |per_day| FlowSetting { per_day: Some(per_day), ..FlowSetting::default() };
    assert!(!replace(Some(paused()), slower(1)).await, "there is none yet");
    assert!(replace(None, slower(1)).await);
    assert!(replace(None, slower(1)).await, "said again, its answer was lost");
    assert!(!replace(None, slower(2)).await, "somebody was first");
    assert!(replace(Some(slower(1)), paused()).await);
    let known = store.flows().borrow().settings.get(&flow).cloned();
    assert_eq!(known, Some(paused()));
}

pub(crate) async fn settings_are_published<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut flows = bench.store().flows();
    assert!(flows.borrow_and_update().settings.is_empty());
    bench.store().set_flow(scope(Some("wave")), paused()).await.expect("set_flow works");
    flows.changed().await.expect("the store lives");
    let known = flows.borrow_and_update().clone();
    assert_eq!(known.settings.get(&scope(Some("wave"))), Some(&paused()));
    assert!(!known.open(&name("demo"), Some(&name("wave")), bench.now()));
    bench.store().touch(signal(who(1))).await.expect("touch works");
    assert!(!flows.has_changed().expect("the store lives"), "only changes are published");
}
