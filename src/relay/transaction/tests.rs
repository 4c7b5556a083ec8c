//! What was heard, and what it means: no socket needed.

use proptest::prelude::*;

use super::*;

const ONE_TRIP: [Stage; 3] = [Stage::Mail, Stage::Rcpt, Stage::Chunk];
const DIALOGUE: [Stage; 4] = [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot];

fn heard(stages: &[Stage], codes: &[u16], broke: Option<Break>, whole: bool) -> Heard {
    let replies: Vec<_> =
        stages.iter().zip(codes).map(|(stage, code)| (*stage, Reply::new(*code, "text"))).collect();
    let broke = broke.map(|how| (stages[replies.len().min(stages.len() - 1)], how));
    Heard { replies, broke, whole }
}

fn judged(stages: &[Stage], codes: &[u16], broke: Option<Break>) -> (String, Then) {
    let whole = codes.len() >= 4 || stages.len() == 3 || (codes.len() == 3 && broke.is_some());
    let (end, then) = heard(stages, codes, broke, whole).judge();
    let word = match end {
        End::Taken(_) => "taken".to_owned(),
        End::Unknown(_) => "unknown".to_owned(),
        End::Refused(trouble) => format!("{:?}", trouble.decision()),
    };
    (word, then)
}

#[test]
fn one_round_trip_is_judged_by_its_three_replies() {
    let table: &[(&[u16], Option<Break>, &str, Then)] = &[
        (&[250, 250, 250], None, "taken", Then::Keep),
        (&[250, 550, 503], None, "Reject", Then::Reset),
        (&[250, 550, 554], None, "Reject", Then::Reset),
        (&[250, 550, 250], None, "Reject", Then::Reset),
        (&[250, 450, 554], None, "Defer", Then::Reset),
        (&[503, 250, 250], None, "unknown", Then::Close),
        (&[503, 250, 503], None, "Unreachable", Then::Close),
        (&[250, 250, 452], None, "Defer", Then::Reset),
        (&[250, 250, 552], None, "Reject", Then::Reset),
        (&[250, 250, 421], None, "Throttle", Then::Close),
        (&[421], Some(Break::Closed), "Throttle", Then::Close),
        (&[250, 550], Some(Break::Closed), "Reject", Then::Close),
        (&[250, 250], Some(Break::Closed), "unknown", Then::Close),
        (&[250], Some(Break::Timeout), "unknown", Then::Close),
        (&[], Some(Break::Garbage), "unknown", Then::Close),
        (&[354, 250, 250], None, "unknown", Then::Close),
        (&[250, 250, 354], None, "unknown", Then::Close),
    ];
    for (codes, broke, expected, then) in table {
        assert_eq!(judged(&ONE_TRIP, codes, *broke), ((*expected).to_owned(), *then), "{codes:?} {broke:?}");
    }
}

#[test]
fn before_the_message_is_written_nothing_is_ambiguous() {
    let table: &[(&[u16], Option<Break>, &str, Then)] = &[
        (&[250, 250, 354, 250], None, "taken", Then::Keep),
        (&[], Some(Break::Timeout), "Unreachable", Then::Close),
        (&[250, 250], Some(Break::Closed), "Unreachable", Then::Close),
        (&[250, 250, 250], None, "Unreachable", Then::Close),
        (&[250, 250, 354], Some(Break::Closed), "unknown", Then::Close),
        (&[250, 250, 354, 354], None, "unknown", Then::Close),
        (&[250, 550, 354], None, "Reject", Then::Reset),
        (&[550], None, "Reject", Then::Reset),
        (&[530], None, "Misconfigured", Then::Close),
    ];
    for (codes, broke, expected, then) in table {
        assert_eq!(judged(&DIALOGUE, codes, *broke), ((*expected).to_owned(), *then), "{codes:?} {broke:?}");
    }
}

proptest! {
    #[test]
    fn taken_needs_three_positive_replies_and_unknown_a_whole_message(
        codes in prop::collection::vec(prop_oneof![Just(250), Just(354), Just(421), 200..600u16], 0..=4),
        one_trip: bool,
        broke in prop::option::of(prop_oneof![Just(Break::Timeout), Just(Break::Closed), Just(Break::Garbage)]),
        whole: bool,
    ) {
        let stages: &[Stage] = if one_trip { &ONE_TRIP } else { &DIALOGUE };
        let heard = heard(stages, &codes, broke, whole);
        let all = heard.replies.len() == stages.len() && heard.all_go();
        let (end, then) = heard.judge();
        match end {
            End::Taken(_) => {
                prop_assert!(all && whole && broke.is_none());
                prop_assert_eq!(then, Then::Keep);
            }
            End::Unknown(_) => prop_assert!(then == Then::Close),
            End::Refused(trouble) => {
                prop_assert!(then != Then::Keep);
                prop_assert!(!(all && whole && broke.is_none()));
                prop_assert!(!whole || !matches!(trouble, Trouble::Broke(..)));
                prop_assert!(trouble.decision() != Decision::Reject || codes.iter().any(|code| *code >= 500));
            }
        }
    }
}
