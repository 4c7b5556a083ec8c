use super::*;

const UNKNOWN: Verdict = Verdict { hint: 35, ..verdict(Class::Unknown, Presence::No) };
const SCAN: Verdict = verdict(Class::Scanner, Presence::No);
const HUMAN: Verdict = Verdict { open: true, fires: true, hint: 85, ..verdict(Class::Human, Presence::Yes) };

const fn verdict(class: Class, presence: Presence) -> Verdict {
    Verdict { class, confidence: 0.9, reason: "test", open: false, presence, fires: false, hint: 0 }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn since(age: u64) -> MailAge {
    MailAge::Since(seconds(age))
}

#[test]
fn each_age_has_its_verdict() {
    let judged = Judgement::new(HintKind::Image, HUMAN).below(seconds(30), UNKNOWN);
    assert_eq!(judged.at(None), HUMAN, "a mail that is not known to be young is old");
    assert_eq!(judged.at(Some(MailAge::HandingOver)), UNKNOWN);
    assert_eq!((judged.at(Some(since(29))), judged.at(Some(since(30)))), (UNKNOWN, HUMAN));
    let worth = judged.worth();
    assert_eq!((worth.fires, worth.lands), (Some(seconds(30)), Some(seconds(30))));
    let hint = |percent| Hint { kind: HintKind::Image, percent };
    assert_eq!(worth.hint, Some((Duration::ZERO, hint(35))));
    assert_eq!(
        (worth.hint_at(Some(since(29))), worth.hint_at(Some(since(30)))),
        (Some(hint(35)), Some(hint(85)))
    );
    let shadowed = judged.below(seconds(600), SCAN);
    assert_eq!((shadowed.at(Some(since(10))), shadowed.at(Some(since(600)))), (SCAN, HUMAN));
    assert_eq!(shadowed.worth().hint.map(|(from, hint)| (from, hint.percent)), Some((seconds(600), 85)));
    let guarded = judged.guarded(seconds(60)).worth();
    assert_eq!(guarded.fires, Some(seconds(60)), "the verdict stays");
    assert_eq!(
        (guarded.hint_at(Some(since(59))), guarded.hint_at(Some(since(60)))),
        (Some(hint(35)), Some(hint(85)))
    );
    let alone = Judgement::new(HintKind::Image, HUMAN).guarded(seconds(60)).worth();
    assert_eq!((alone.hint_at(Some(since(59))), alone.hint_at(None)), (None, Some(hint(85))));
    assert_eq!(Judgement::new(HintKind::Image, SCAN).worth(), Worth::default());
    assert_eq!(judged.for_statistics().worth(), Worth::default());
}

#[test]
fn two_sorts_add_up_and_one_does_not() {
    let hint = |kind, percent| Hint { kind, percent };
    let prefetch = hint(HintKind::Prefetch, 70);
    assert!(prefetch.suffices_with(hint(HintKind::Proxy, 45), 80));
    assert!(!prefetch.suffices_with(hint(HintKind::Prefetch, 99), 80));
    assert!(!hint(HintKind::Image, 35).suffices_with(hint(HintKind::Click, 35), 80));
    assert!(!prefetch.suffices_with(hint(HintKind::Proxy, 99), 86), "never surer than 85 percent");
}

#[test]
fn no_age_asked_for_is_any_age() {
    assert!(reaches(Some(MailAge::HandingOver), Duration::ZERO));
    assert!(!reaches(Some(MailAge::HandingOver), seconds(1)));
    assert!(reaches(Some(since(1)), seconds(1)) && reaches(None, seconds(1)));
}

#[test]
fn kinds_are_numbered_in_their_order() {
    assert!(HintKind::ALL.iter().enumerate().all(|(number, kind)| *kind as usize == number));
}
