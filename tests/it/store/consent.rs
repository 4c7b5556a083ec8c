//! Whose word decides over presence and tracking.

use std::time::Duration;

use jiff::Timestamp;
use vigie::model::{Consent, ConsentRule, Grantee, Origin, RecipientId};
use vigie::store::{Ignored, Touch};

use super::bench::{Backend, Bench, name, references, send, send_of, signal, who};

/// What somebody said to `demo`.
pub(crate) fn said(recipient: RecipientId, granted: bool, at: Timestamp) -> Consent {
    Consent { recipient, grantee: Grantee::Brand(name("demo")), granted, proof: "form 3".into(), at, earlier: Vec::new() }
}

fn tracked(recipient: RecipientId, rule: ConsentRule) -> Touch {
    let origin = Origin::Tracked { grantee: Grantee::Brand(name("demo")), rule };
    Touch { origin, ..signal(recipient) }
}

pub(crate) async fn without_consent_there_is_no_presence<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    let pixel = || tracked(who(1), ConsentRule::Required);
    let touched = bench.store().touch(pixel()).await.expect("touch works");
    assert_eq!((touched.ignored, touched.claims.len()), (Some(Ignored::NoConsent), 0));
    assert_eq!(bench.store().person(who(1)).await.expect("person works").online, None);
    bench.store().consent(said(who(1), true, bench.now())).await.expect("consent works");
    let touched = bench.store().touch(pixel()).await.expect("touch works");
    assert_eq!((touched.ignored, references(&touched.claims)), (None, vec!["s-1"]));
}

pub(crate) async fn a_withdrawal_wins_over_presumption<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&send("s-1", who(1))).await;
    bench.store().consent(said(who(1), false, bench.now())).await.expect("consent works");
    let touched = bench.store().touch(tracked(who(1), ConsentRule::Presumed)).await.expect("touch works");
    assert_eq!((touched.ignored, touched.claims.len()), (Some(Ignored::NoConsent), 0));
    let other = bench.store().touch(tracked(who(2), ConsentRule::Presumed)).await.expect("touch works");
    assert_eq!(other.ignored, None);
    assert_eq!(references(&bench.touch(who(1)).await), ["s-1"], "a trusted source is another legal class");
}

pub(crate) async fn a_later_statement_replaces_an_earlier_one<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (earlier, later) = (bench.now(), bench.later(Duration::from_secs(1)));
    for (granted, at) in [(false, later), (true, earlier)] {
        bench.store().consent(said(who(1), granted, at)).await.expect("consent works");
    }
    let known = bench.store().person(who(1)).await.expect("person works").consents;
    assert_eq!(known, [said(who(1), false, later)], "the one made later, whichever arrives first");
    let touched = bench.store().touch(tracked(who(1), ConsentRule::Required)).await.expect("touch works");
    assert_eq!(touched.ignored, Some(Ignored::NoConsent));
}

pub(crate) async fn a_withdrawal_holds_whatever_the_clocks_say<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (behind, ahead) = (bench.now(), bench.later(Duration::from_mins(1)));
    bench.store().consent(said(who(1), true, ahead)).await.expect("consent works");
    bench.touch(who(1)).await;
    bench.store().consent(said(who(1), false, behind)).await.expect("consent works");
    let person = bench.store().person(who(1)).await.expect("person works");
    let [holds] = &person.consents[..] else { panic!("one, not {:?}", person.consents) };
    assert_eq!((holds.granted, holds.at), (false, ahead), "with the moment of what it replaces");
    assert_eq!(person.online, None);
    bench.store().consent(said(who(1), true, behind)).await.expect("consent works");
    let touched = bench.store().touch(tracked(who(1), ConsentRule::Presumed)).await.expect("touch works");
    assert_eq!(touched.ignored, Some(Ignored::NoConsent), "a grant that is older does not hold");
}

pub(crate) async fn what_was_said_before_can_be_shown<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let moments: Vec<_> = (0..12).map(|n| bench.later(Duration::from_secs(n))).collect();
    for (n, at) in moments.iter().enumerate() {
        let statement = Consent { proof: format!("form {n}"), ..said(who(1), n % 2 == 0, *at) };
        bench.store().consent(statement.clone()).await.expect("consent works");
        bench.store().consent(statement).await.expect("the same again changes nothing");
    }
    let person = bench.store().person(who(1)).await.expect("person works");
    let [holds] = &person.consents[..] else { panic!("one, not {:?}", person.consents) };
    assert_eq!((holds.granted, &*holds.proof, holds.at), (false, "form 11", moments[11]));
    let earlier: Vec<_> = holds.earlier.iter().map(|said| (said.granted, said.proof.clone(), said.at)).collect();
    let expected = (4..11).rev().map(|n| (n % 2 == 0, format!("form {n}"), moments[n]));
    assert_eq!(earlier, expected.collect::<Vec<_>>(), "the last of them, the latest first");
}

pub(crate) async fn a_claim_says_whether_it_may_be_tracked<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let letters = [send("presumed", who(1)), send("withdrawn", who(2)), send_of("rival", "unknown", who(3))];
    bench.enqueue(&letters).await;
    bench.store().consent(said(who(2), false, bench.now())).await.expect("consent works");
    assert!(bench.claim(who(1)).await.tracked);
    assert!(!bench.claim(who(2)).await.tracked);
    assert!(!bench.claim(who(3)).await.tracked, "a brand without a rule needs consent");
}
