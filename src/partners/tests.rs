use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::brands::Brands;
use crate::model::{FlowState, Flows};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

struct Desk {
    partners: Partners,
    flows: watch::Sender<Arc<Flows>>,
    clock: Clock,
}

fn desk(more: &str) -> Desk {
    let text = format!("tracking_url = \"https://t.news.example\"\n{more}");
    let partner: config::Partner = toml::from_str(&text).expect("a partner");
    let (flows, receiver) = watch::channel(Arc::default());
    let clock = Clock::manual(Timestamp::from_second(1_000_000).expect("a moment"));
    let gate = Gate::new(receiver, Brands::default(), clock.clone());
    let all = BTreeMap::from([(name("news"), partner)]);
    Desk { partners: Partners::new(&all, gate, clock.clone(), &Registry::new()), flows, clock }
}

impl Desk {
    fn takes(&self, way: Way) -> bool {
        self.partners.take(self.partners.named("news").expect("configured"), way)
    }

    fn pause(&self, scope: FlowScope, until: Option<Timestamp>) {
        let setting = FlowSetting { state: FlowState::Paused, until, ..FlowSetting::default() };
        self.flows.send_replace(Arc::new(Flows { settings: BTreeMap::from([(scope, setting)]) }));
    }

    fn refused(&self) -> [u64; 4] {
        self.partners.figures()[0].refused
    }
}

#[test]
fn the_pixel_without_a_token_is_off_unless_it_is_enabled() {
    assert!(desk("hashed_pixel = true").takes(Way::Hashed));
    let desk = desk("");
    assert!(desk.takes(Way::Signed) && !desk.takes(Way::Hashed));
    assert_eq!(desk.refused(), [0, 0, 1, 0]);
    assert!(desk.partners.named("others").is_none());
}

#[test]
fn a_paused_partner_is_not_heard() {
    let desk = desk("");
    desk.pause(FlowScope::partner(&name("others")), None);
    assert!(desk.takes(Way::Signed));
    let until = Timestamp::from_second(1_000_060).expect("a moment");
    for scope in [FlowScope::partner(&name("news")), FlowScope::partners()] {
        desk.pause(scope, Some(until));
        assert!(!desk.takes(Way::Signed));
        assert_eq!(desk.partners.figures()[0].flow.state, FlowState::Paused);
    }
    assert_eq!(desk.refused(), [0, 2, 0, 0]);
    desk.clock.advance(Duration::from_mins(1));
    assert!(desk.takes(Way::Signed), "the pause ended by itself");
    assert_eq!(desk.partners.figures()[0].flow, FlowSetting::default());
}

#[test]
fn a_quota_holds_for_its_second() {
    let desk = desk("quota_per_second = 2");
    assert_eq!([0; 3].map(|_| desk.takes(Way::Signed)), [true, true, false]);
    desk.clock.advance(Duration::from_secs(1));
    assert!(desk.takes(Way::Signed));
    assert_eq!(desk.refused(), [1, 0, 0, 0]);
}

#[test]
fn people_and_the_proxies_that_fetch_for_them_are_the_human_share() {
    let desk = desk("purposes = [\"statistics\"]");
    let partner = desk.partners.named("news").expect("configured");
    assert!(!partner.tells_presence());
    assert_eq!(desk.partners.figures()[0].human_share(), None);
    for class in [Class::Human, Class::Proxy, Class::Scanner, Class::Unknown] {
        partner.judged(class);
    }
    assert_eq!(desk.partners.figures()[0].human_share(), Some(0.5));
}

#[test]
fn refusals_are_numbered_in_their_order() {
    assert!(Refusal::ALL.iter().enumerate().all(|(number, refusal)| *refusal as usize == number));
    assert!(Class::ALL.iter().enumerate().all(|(number, class)| *class as usize == number));
}
