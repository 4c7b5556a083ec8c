//! Whatever machines do, in whatever order, nothing goes out.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Hint, HintKind, reaches};

/// Something a machine does, and how old the mail is then.
fn deed_of_a_machine() -> impl Strategy<Value = (Request, MailAge)> {
    let any_age = prop_oneof![
        1 => Just(MailAge::HandingOver),
        4 => (0..2000_u64).prop_map(|age| MailAge::Since(Duration::from_secs(age))),
    ];
    let early = (0..30_u64).prop_map(|age| MailAge::Since(Duration::from_secs(age)));
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
        // In the guise of a browser, as mail gateways come, on arrival.
        (early.clone(), 0..9_u64).prop_map(|(age, link)| (Request::click(link), age)),
        early.clone().prop_map(|age| (Request { client: None, ..Request::open() }, age)),
        early.prop_map(|age| (Request::open().agent("@google-proxy"), age)),
    ]
}

proptest! {
    // Each with a memory of its own, which takes a moment to make.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_sequence_of_machines_fires_anything(
        deeds in proptest::collection::vec(deed_of_a_machine(), 1..60),
    ) {
        let rules = classifier();
        let mut hints: BTreeMap<HintKind, Hint> = BTreeMap::new();
        for (request, age) in deeds {
            let worth = request.judge(&rules).judgement.worth();
            prop_assert!(!worth.fires.is_some_and(|from| reaches(Some(age), from)), "{request:?} at {age:?}");
            // As a store does, but that it forgets nothing.
            if let Some(hint) = worth.hint_at(Some(age)) {
                let joined = hints.values().any(|other| hint.suffices_with(*other, 80));
                prop_assert!(!joined, "{request:?} at {age:?} beside {hints:?}");
                hints.entry(hint.kind).and_modify(|known| known.percent = known.percent.max(hint.percent)).or_insert(hint);
            }
        }
    }
}
