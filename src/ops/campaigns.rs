//! The campaigns that have metrics of their own: of each brand the largest, since producers name as many as they like.

use std::collections::BTreeMap;

use crate::model::{Name, SendState};
use crate::store::{Counts, Snapshot};

/// What stands for a campaign where a send has none. No campaign is called so: [`Name`]s begin with a letter or digit.
const NONE: &str = "_none";

/// What stands for all the campaigns that have none of their own.
const OTHER: &str = "_other";

/// Of each brand the counters of the `most` campaigns with the most live sends, and then the most that were ever
/// accepted; all others summed up, and beside them the sends without a campaign.
pub(super) fn largest(snapshot: &Snapshot, most: usize) -> BTreeMap<(&Name, &str), Counts> {
    let (mut shown, mut brands) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    if most == 0 {
        return shown;
    }
    for (scope, counts) in &snapshot.flows {
        match &scope.campaign {
            Some(campaign) => brands.entry(&scope.brand).or_default().push((campaign.as_str(), counts)),
            None => {
                shown.insert((&scope.brand, NONE), counts.clone());
            }
        }
    }
    for (brand, mut campaigns) in brands {
        // By name at last, so that the same are shown by every gateway.
        campaigns.sort_by_key(|(name, counts)| (std::cmp::Reverse((live(counts), counts.accepted)), *name));
        for (place, (name, counts)) in campaigns.into_iter().enumerate() {
            let campaign = if place < most { name } else { OTHER };
            shown.entry((brand, campaign)).or_insert_with(Counts::default).add(counts);
        }
    }
    shown
}

/// Those that wait or are claimed.
fn live(counts: &Counts) -> u64 {
    counts.states[SendState::Waiting as usize] + counts.states[SendState::Claimed as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FlowScope;

    /// A brand's campaigns, `(name, accepted, waiting)`.
    fn snapshot(campaigns: &[(Option<&str>, u64, u64)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (campaign, accepted, waiting) in campaigns {
            let campaign = campaign.map(|name| name.parse().expect("a name"));
            let scope = FlowScope { brand: "azur".parse().expect("a name"), campaign };
            let mut counts = Counts { accepted: *accepted, ..Counts::default() };
            counts.states[SendState::Waiting as usize] = *waiting;
            counts.states[SendState::Sent as usize] = accepted - waiting;
            snapshot.flows.insert(scope, counts);
        }
        snapshot
    }

    fn named(snapshot: &Snapshot, most: usize) -> Vec<(String, u64)> {
        let shown = largest(snapshot, most).into_iter();
        shown.map(|((_, name), counts)| (name.to_owned(), counts.accepted)).collect()
    }

    #[test]
    fn the_largest_have_their_own_and_nothing_is_lost() {
        let all = [
            (None, 7, 0),
            (Some("old"), 900, 0),
            (Some("older"), 800, 0),
            (Some("new"), 10, 10),
            (Some("next"), 20, 9),
        ];
        let snapshot = snapshot(&all);
        let shown = |expected: &[(&str, u64)], most| {
            let expected: Vec<_> =
                expected.iter().map(|(name, accepted)| ((*name).to_owned(), *accepted)).collect();
            assert_eq!(named(&snapshot, most), expected);
        };
        shown(&[("_none", 7), ("_other", 1720), ("new", 10)], 1);
        shown(&[("_none", 7), ("_other", 800), ("new", 10), ("next", 20), ("old", 900)], 3);
        shown(&[("_none", 7), ("new", 10), ("next", 20), ("old", 900), ("older", 800)], 20);
        shown(&[], 0);
    }

    #[test]
    fn what_stands_for_none_and_others_is_nobodys_name() {
        for word in [NONE, OTHER] {
            assert!(word.parse::<Name>().is_err(), "{word}");
        }
    }
}
