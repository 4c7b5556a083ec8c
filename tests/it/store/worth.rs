//! What a signal does by its worth: presence, a hint, nothing; and what else it tells.

use std::time::Duration;

use vigie::model::{
    Consent, ConsentRule, Finish, Grantee, Hint, HintKind, Landed, Leaving, MailAge, OnUncertain, Origin,
    RecipientId, SendId, Source, Worth,
};
use vigie::store::{Ignored, Touch, Touched};

use super::bench::{Backend, Bench, name, references, send, signal, who};

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Presence of somebody who shows a mail that is 20 seconds old; before, a hint.
const IMAGE: Worth = Worth {
    fires: Some(seconds(20)),
    hint: Some((Duration::ZERO, Hint { kind: HintKind::Image, percent: 35 })),
    later: None,
    lands: Some(seconds(20)),
};

fn hint(kind: HintKind, percent: u8) -> Worth {
    Worth { hint: Some((Duration::ZERO, Hint { kind, percent })), ..Worth::default() }
}

async fn touch<B: Backend>(
    bench: &Bench<B>,
    who: RecipientId,
    about: Option<SendId>,
    worth: Worth,
) -> Touched {
    bench.store().touch(Touch { about, worth, ..signal(who) }).await.expect("touch works")
}

/// A mail that the relay took just now, and nobody is there any more.
async fn a_mail<B: Backend>(bench: &Bench<B>, reference: &str, who: RecipientId) -> SendId {
    bench.accept(&send(reference, who)).await;
    let hold = bench.claim(who).await.hold;
    bench.sent(hold).await;
    bench.store().away(who, Leaving::Left).await.expect("away works");
    hold.send
}

async fn is_online<B: Backend>(bench: &Bench<B>, who: RecipientId) -> bool {
    bench.store().person(who).await.expect("person works").online.is_some()
}

pub(crate) async fn what_a_signal_is_worth_follows_from_its_mails_age<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mail = a_mail(&bench, "a", who(1)).await;
    bench.accept(&send("next", who(1))).await;
    bench.pass(Duration::from_millis(19_999));
    let young = touch(&bench, who(1), Some(mail), IMAGE).await;
    assert_eq!((young.ignored, young.claims.len()), (Some(Ignored::Hinted), 0));
    assert_eq!(young.age, Some(MailAge::Since(Duration::from_millis(19_999))));
    let never = Worth { fires: Some(seconds(20)), ..Worth::default() };
    assert_eq!(touch(&bench, who(1), Some(mail), never).await.ignored, Some(Ignored::TooYoung));
    assert!(!is_online(&bench, who(1)).await);
    bench.pass(Duration::from_millis(1));
    let old = touch(&bench, who(1), Some(mail), IMAGE).await;
    assert_eq!((old.ignored, old.joined, references(&old.claims)), (None, false, vec!["next"]));
    bench.pass(seconds(40));
    let older = touch(&bench, who(1), Some(mail), IMAGE).await;
    assert_eq!((older.ignored, older.age), (None, None), "beyond rules.recent no age is known");
    let unknown = touch(&bench, who(2), Some(SendId([9; 16])), IMAGE).await;
    assert_eq!((unknown.ignored, unknown.age), (None, None), "so of a mail that nobody knows");
}

pub(crate) async fn a_mail_being_handed_over_is_younger_than_any<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.enqueue(&[send("a", who(1)), send("waits", who(2))]).await;
    let hold = bench.claim(who(1)).await.hold;
    let claimed = touch(&bench, who(1), Some(hold.send), IMAGE).await;
    assert_eq!((claimed.ignored, claimed.age), (None, None), "claimed is not handed over");
    bench.store().begin(hold).await.expect("begin works");
    let early = touch(&bench, who(1), Some(hold.send), IMAGE).await;
    assert_eq!((early.ignored, early.age), (Some(Ignored::Hinted), Some(MailAge::HandingOver)));
    let sure = Worth { fires: Some(Duration::ZERO), ..IMAGE };
    assert_eq!(touch(&bench, who(1), Some(hold.send), sure).await.ignored, None);
}

pub(crate) async fn a_mail_that_was_not_taken_has_no_age<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.enqueue(&[send("released", who(1)), send("rejected", who(2))]).await;
    let reason = || String::from("because");
    for (n, finish) in
        [(1, Finish::Released { reason: reason() }), (2, Finish::Rejected { reason: reason() })]
    {
        let hold = bench.claim(who(n)).await.hold;
        bench.store().begin(hold).await.expect("begin works");
        bench.store().finish(hold, finish).await.expect("finish works");
        assert_eq!(touch(&bench, who(n), Some(hold.send), IMAGE).await.age, None);
    }
}

pub(crate) async fn an_uncertain_mail_has_an_age<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut again = send("again", who(2));
    again.on_uncertain = OnUncertain::Resend;
    bench.enqueue(&[send("held", who(1)), again]).await;
    for (n, age) in [(1, Some(MailAge::Since(Duration::ZERO))), (2, None)] {
        let hold = bench.claim(who(n)).await.hold;
        bench.store().begin(hold).await.expect("begin works");
        let finish = Finish::Uncertain { reason: "because".into() };
        bench.store().finish(hold, finish).await.expect("finish works");
        assert_eq!(touch(&bench, who(n), Some(hold.send), IMAGE).await.age, age);
    }
}

pub(crate) async fn hints_of_two_kinds_make_presence<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("a", who(1))).await;
    let first = touch(&bench, who(1), None, hint(HintKind::Prefetch, 70)).await;
    assert_eq!((first.ignored, first.joined, first.claims.len()), (Some(Ignored::Hinted), false, 0));
    let known = bench.store().person(who(1)).await.expect("person works").hints;
    assert_eq!(known, [Hint { kind: HintKind::Prefetch, percent: 70 }]);
    let second = Touch { worth: hint(HintKind::Proxy, 45), ..signal(who(1)) };
    let joined = bench.store().touch(second.clone()).await.expect("touch works");
    assert_eq!((joined.ignored, joined.joined, references(&joined.claims)), (None, true, vec!["a"]));
    let repeated = bench.store().touch(second).await.expect("touch works");
    assert_eq!(references(&repeated.claims), ["a"], "a repeat gets the same answer");
    assert!(is_online(&bench, who(1)).await);
}

pub(crate) async fn a_hint_grows_surer_with_its_mails_age<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let of = |percent| Hint { kind: HintKind::Proxy, percent };
    let later = Some((seconds(20), of(75)));
    let proxy = Worth { hint: Some((seconds(10), of(35))), later, ..Worth::default() };
    for (n, (age, ignored, hints)) in (1..).zip([
        (9, Some(Ignored::TooYoung), vec![]),
        (19, Some(Ignored::Hinted), vec![of(35)]),
        (20, Some(Ignored::Hinted), vec![of(75)]),
    ]) {
        let mail = a_mail(&bench, &n.to_string(), who(n)).await;
        bench.pass(seconds(age));
        assert_eq!(touch(&bench, who(n), Some(mail), proxy).await.ignored, ignored);
        assert_eq!(bench.store().person(who(n)).await.expect("person works").hints, hints);
        let joined = touch(&bench, who(n), None, hint(HintKind::Mailbox, 40)).await.joined;
        assert_eq!(joined, age == 20, "{age}: only 75 and 40 percent are above 80 together");
    }
    let unknown = touch(&bench, who(4), None, proxy).await;
    assert_eq!(unknown.ignored, Some(Ignored::Hinted));
    assert_eq!(bench.store().person(who(4)).await.expect("person works").hints, [of(75)]);
}

pub(crate) async fn hints_of_one_kind_never_do<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for (kind, percent) in [(HintKind::Click, 70), (HintKind::Click, 79), (HintKind::Image, 4)] {
        let touched = touch(&bench, who(1), None, hint(kind, percent)).await;
        assert_eq!(touched.ignored, Some(Ignored::Hinted));
    }
    assert!(!is_online(&bench, who(1)).await);
    let sure = touch(&bench, who(1), None, hint(HintKind::Image, 5)).await;
    assert!(sure.joined, "79 and 5 percent are 80.05 together");
}

pub(crate) async fn hints_end<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (one, other) = (hint(HintKind::Prefetch, 70), hint(HintKind::Proxy, 45));
    touch(&bench, who(1), None, one).await;
    bench.pass(seconds(30));
    assert!(!touch(&bench, who(1), None, other).await.joined, "after hint_ttl");
    bench.store().away(who(1), Leaving::Left).await.expect("away works");
    assert!(!touch(&bench, who(1), None, one).await.joined, "when somebody leaves");
    let grantee = Grantee::Brand(name("demo"));
    let no = Consent {
        recipient: who(1),
        grantee,
        granted: false,
        proof: String::new(),
        at: bench.now(),
        earlier: Vec::new(),
    };
    bench.store().consent(no).await.expect("consent works");
    assert!(!touch(&bench, who(1), None, other).await.joined, "when they withdraw");
    bench.store().forget(who(1)).await.expect("forget works");
    assert!(!touch(&bench, who(1), None, one).await.joined, "when they are forgotten");
}

pub(crate) async fn a_mail_servers_hint_after_a_mail_is_its_echo<B: Backend>() {
    let bench = Bench::<B>::with(|rules| (rules.min_gap, rules.echo) = (seconds(120), seconds(60))).await;
    a_mail(&bench, "a", who(1)).await;
    bench.pass(Duration::from_millis(59_999));
    let sync = hint(HintKind::Mailbox, 40);
    assert_eq!(touch(&bench, who(1), None, sync).await.ignored, Some(Ignored::Echo));
    assert_eq!(
        touch(&bench, who(2), None, sync).await.ignored,
        Some(Ignored::Hinted),
        "of others it is none"
    );
    let click = hint(HintKind::Click, 40);
    assert_eq!(touch(&bench, who(1), None, click).await.ignored, Some(Ignored::Hinted));
    let read = touch(&bench, who(1), None, Worth::PRESENCE).await;
    assert_eq!(read.ignored, None, "somebody who reads is there");
    bench.pass(Duration::from_millis(1));
    assert_ne!(touch(&bench, who(1), None, sync).await.ignored, Some(Ignored::Echo));
}

pub(crate) async fn a_mail_lands_once_and_in_time<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let mail = a_mail(&bench, "a", who(1)).await;
    let late = a_mail(&bench, "late", who(2)).await;
    bench.pass(seconds(17));
    assert_eq!(touch(&bench, who(1), Some(mail), IMAGE).await.landed, None, "not by what may be a machine");
    let prefetch = Worth { lands: Some(Duration::ZERO), ..hint(HintKind::Prefetch, 70) };
    let landed = touch(&bench, who(1), Some(mail), prefetch).await.landed;
    assert_eq!(landed, Some(Landed { after: seconds(17), provider: Some(name("gmail")) }));
    bench.backend.crash().await;
    assert_eq!(touch(&bench, who(1), Some(mail), prefetch).await.landed, None, "once, also after a crash");
    let history = bench.store().send(mail).await.expect("send works").expect("it is known").history;
    let last = history.last().expect("a line");
    assert_eq!((&*last.event, &*last.detail), ("landed", "seen 17 s after the relay took it"));
    bench.pass(seconds(34));
    let touched = touch(&bench, who(2), Some(late), prefetch).await;
    assert_eq!(touched.landed, None, "beyond rules.landed_within");
    assert!(touched.age.is_some());
}

pub(crate) async fn a_machine_found_out_ends_what_was_just_seen<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let unmasked = Leaving::Unmasked(seconds(10));
    for (n, source) in [(1, Source::Open), (2, Source::Open), (4, Source::Imap)] {
        let seen = Touch { source, ..signal(who(n)) };
        bench.store().touch(seen).await.expect("touch works");
        touch(&bench, who(n), None, hint(HintKind::Prefetch, 70)).await;
    }
    bench.pass(seconds(10));
    bench.store().away(who(1), unmasked).await.expect("away works");
    assert!(!is_online(&bench, who(1)).await);
    bench.store().away(who(4), unmasked).await.expect("away works");
    assert!(is_online(&bench, who(4)).await, "no machine reads in a mailbox");
    bench.pass(Duration::from_millis(1));
    bench.store().away(who(2), unmasked).await.expect("away works");
    bench.store().away(who(3), unmasked).await.expect("away of the absent works");
    assert!(is_online(&bench, who(2)).await, "who was seen before stays");
    assert!(!touch(&bench, who(2), None, hint(HintKind::Proxy, 45)).await.joined, "hints go in any case");
}

pub(crate) async fn hours_are_remembered_of_those_who_agreed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    // To the beginning of an hour.
    let into = bench.now().as_second().rem_euclid(3600).unsigned_abs();
    bench.pass(seconds(3601 - into));
    let grantee = Grantee::Brand(name("demo"));
    let said = |n, granted| Consent {
        recipient: who(n),
        grantee: grantee.clone(),
        granted,
        proof: "form 3".into(),
        at: bench.now(),
        earlier: Vec::new(),
    };
    bench.store().consent(said(1, true)).await.expect("consent works");
    let origin = Origin::Tracked { grantee: grantee.clone(), rule: ConsentRule::Presumed };
    let pixel = async |n| {
        let touch = Touch { origin: origin.clone(), ..signal(who(n)) };
        bench.store().touch(touch).await.expect("touch works")
    };
    let weights = async |n| {
        let hours = bench.store().person(who(n)).await.expect("person works").hours;
        hours.map(|hours| hours.weights(bench.now()))
    };
    for _ in 0..3 {
        pixel(1).await;
        pixel(2).await;
        bench.pass(seconds(7));
    }
    bench.touch(who(1)).await;
    let seen = weights(1).await.expect("hours");
    let hour = seen.iter().position(|weight| *weight > 0).expect("an hour");
    assert_eq!((seen[hour], seen.iter().sum::<u8>()), (4, 4), "once an hour");
    assert_eq!(weights(2).await, None, "presumed is not agreed");
    bench.pass(Duration::from_hours(1));
    pixel(1).await;
    let seen = weights(1).await.expect("hours");
    assert_eq!((seen[hour], seen[(hour + 1) % 168], seen.iter().sum::<u8>()), (4, 4, 8));
    bench.store().consent(said(1, false)).await.expect("consent works");
    assert_eq!(weights(1).await, None, "a withdrawal forgets them");
    bench.store().consent(said(2, true)).await.expect("consent works");
    pixel(2).await;
    assert!(weights(2).await.is_some());
    bench.store().forget(who(2)).await.expect("forget works");
    assert_eq!(weights(2).await, None);
}
