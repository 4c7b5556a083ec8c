//! Whatever machines do, in whatever order, nothing goes out.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Hint, HintKind, Worth, reaches};

/// Something a machine does, and how old the mail is then.
fn deed_of_a_machine() -> impl Strategy<Value = (Request, MailAge)> {
    let any_age = prop_oneof![
        1 => Just(MailAge::HandingOver),
        4 => (0..2000_u64).prop_map(|age| MailAge::Since(Duration::from_secs(age))),
    ];
    let names = ["curl/8.5.0", "Barracuda Sentinel (EE)", "@googlebot", "Mozilla/5.0", "", "@gmail-sampling"];
    let filters = ["40.92.1.1", "104.47.5.1", "209.222.82.5", "52.95.110.1"];
    prop_oneof![
        (any_age.clone(), 0..names.len()).prop_map(move |(age, n)| (Request::open().agent(names[n]), age)),
        (any_age.clone(), 0..names.len(), 0..9_u64)
            .prop_map(move |(age, n, link)| (Request::click(link).agent(names[n]), age)),
        any_age.clone().prop_map(|age| (Request { method: Method::HEAD, ..Request::open() }, age)),
        any_age.clone().prop_map(|age| (Request { decoy: true, ..Request::click(99) }, age)),
        (any_age, 0..filters.len()).prop_map(move |(age, n)| {
            (Request { client: filters[n].parse().ok(), ..Request::open() }, age)
        }),
        deed_in_disguise(),
    ]
}

/// `presence.scan_grace` as it ships, in seconds.
const SCAN_GRACE: u64 = 60;

/// In the guise of a browser or a proxy, as mail gateways come, on arrival.
fn deed_in_disguise() -> impl Strategy<Value = (Request, MailAge)> {
    let within = |seconds: u64| (0..seconds).prop_map(|age| MailAge::Since(Duration::from_secs(age)));
    prop_oneof![
        (within(30), 0..9_u64).prop_map(|(age, link)| (Request::click(link), age)),
        within(SCAN_GRACE).prop_map(|age| (Request { client: None, ..Request::open() }, age)),
        within(SCAN_GRACE).prop_map(|age| (Request::open().agent("@google-proxy"), age)),
    ]
}

/// What is known of a person, as a store has it, but that it forgets nothing.
#[derive(Debug, Default)]
struct Hints(BTreeMap<HintKind, Hint>);

impl Hints {
    /// Whether this is presence, alone or with what is known.
    fn fire(&mut self, worth: Worth, age: Option<MailAge>) -> bool {
        if worth.fires.is_some_and(|from| reaches(age, from)) {
            return true;
        }
        let Some(hint) = worth.hint_at(age) else { return false };
        let joined = self.0.values().any(|other| hint.suffices_with(*other, 80));
        let known = self.0.entry(hint.kind).or_insert(hint);
        known.percent = known.percent.max(hint.percent);
        joined
    }
}

proptest! {
    // Each with a memory of its own, which takes a moment to make.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_sequence_of_machines_fires_anything(
        deeds in proptest::collection::vec(deed_of_a_machine(), 1..60),
    ) {
        let rules = classifier();
        let mut hints = Hints::default();
        for (request, age) in deeds {
            let worth = request.judge(&rules).judgement.worth();
            prop_assert!(!hints.fire(worth, Some(age)), "{request:?} at {age:?} beside {hints:?}");
        }
    }

    #[test]
    fn nor_does_a_scanner_in_disguise_beside_a_mail_client_that_looks_around(
        deeds in proptest::collection::vec(deed_in_disguise(), 1..20),
        looks in proptest::sample::subsequence(vec![Deed::Login, Deed::Sync, Deed::Change], 0..=3),
    ) {
        let rules = classifier();
        let mut hints = Hints::default();
        for deed in looks {
            let worth = rules.heard(Source::Imap, deed, RecipientId([1; 16])).worth();
            prop_assert!(!hints.fire(worth, None), "{deed:?}");
        }
        for (request, age) in deeds {
            let worth = request.judge(&rules).judgement.worth();
            prop_assert!(!hints.fire(worth, Some(age)), "{request:?} at {age:?} beside {hints:?}");
        }
    }
}
