//! What a whole copy brings across.

use vigie::model::{FlowSetting, FlowState, Glance, RecipientId, Sealed, Seen};
use vigie::store::portable::Progress;
use vigie::store::{Open, Store};

use super::*;
use crate::store::bench::{case_of, references as claimed, signal, who};
use crate::store::consent::said;
use crate::store::days::{DAY, filled, in_the_morning, open};
use crate::store::flows::{paused, scope};
use crate::store::suppression::{bounced, complained};

pub(crate) async fn a_send_stays_the_same<P: Pair>() {
    let both = Move::<P>::new().await;
    let mut letter = send("s-1", who(1));
    letter.case = Some("7".into());
    letter.deadline = Some(both.from.later(Duration::from_hours(48)));
    both.from.accept(&letter).await;
    both.pass(Duration::from_millis(1700));
    let first = both.from.claim(who(1)).await;
    both.from.store().begin(first.hold).await.expect("begin works");
    let until = both.from.later(Duration::from_hours(1));
    let deferral = Deferral { until, reason: "451 busy".into(), counts: true };
    both.from.store().finish(first.hold, Finish::Deferred(deferral)).await.expect("finish works");
    let before = both.from.store().send(letter.id).await.expect("send works");
    let one = Progress { moved: 1, ..Progress::default() };
    assert_eq!(both.copy().await, Report { progress: one, ..Report::default() });
    assert_eq!(both.to.store().send(letter.id).await.expect("send works"), before);
    assert_eq!(both.from.events(&letter).await, ["accepted", "claimed", "deferred", "cancelled"]);
    let there = both.from.store().send(letter.id).await.expect("send works").expect("known");
    assert_eq!(there.history[3].detail, "moved to another store");
    assert!(both.to.touch(who(1)).await.is_empty(), "not before its moment");
    both.pass(Duration::from_hours(1));
    let second = both.to.claim(who(1)).await;
    assert_eq!((second.attempt, second.dated), (2, first.dated));
    assert_eq!(*second.spec, letter);
    let settled = both.to.store().settle(&letter.brand, "7", "paid").await.expect("settle works");
    assert_eq!(settled.cancelled, 1, "found by its case");
    assert!(both.from.touch(who(1)).await.is_empty());
}

/// Claims the one send of a person and gives it back.
async fn turn(store: &dyn Store, n: u32) {
    let touched = store.touch(signal(who(1))).await.expect("touch works");
    let finish = Finish::Released { reason: format!("turn {n}") };
    store.finish(touched.claims[0].hold, finish).await.expect("finish works");
}

pub(crate) async fn a_long_history_goes_on<P: Pair>() {
    let both = Move::<P>::new().await;
    let letter = send("s-1", who(1));
    both.from.accept(&letter).await;
    for n in 0..20 {
        turn(&*both.from.store(), n).await;
    }
    let before = both.from.store().send(letter.id).await.expect("send works");
    both.copy().await;
    assert_eq!(both.to.store().send(letter.id).await.expect("send works"), before);
    turn(&*both.to.store(), 20).await;
    let after = both.to.store().send(letter.id).await.expect("send works").expect("known").history;
    let before = before.expect("known").history;
    assert_eq!((after.len(), &after[..10], &after[10..18]), (20, &before[..10], &before[12..]));
    assert_eq!(after[19].detail, "turn 20");
}

pub(crate) async fn many_sends_arrive<P: Pair>() {
    let both = Move::<P>::with(|rules| rules.max_waiting = 1_000_000).await;
    for chunk in 0..13 {
        let letter = |n: u8| send(&format!("s-{chunk}-{n}"), who(n % 7));
        both.from.enqueue(&(0..100).map(letter).collect::<Vec<_>>()).await;
    }
    let report = both.copy().await;
    assert_eq!((report.progress.moved, report.waiting, report.stopped), (1300, 0, false));
    let (from, to) = (both.from.counts().await, both.to.counts().await);
    assert_eq!((from.accepted, from.states[SendState::Cancelled as usize]), (1300, 1300));
    assert_eq!((to.accepted, to.states[SendState::Waiting as usize]), (1300, 1300));
    assert_eq!(both.copy().await, Report::default(), "a second copy finds nothing to do");
    assert_eq!((both.from.counts().await, both.to.counts().await), (from, to));
}

pub(crate) async fn consents_and_settings_arrive<P: Pair>() {
    let both = Move::<P>::new().await;
    let (early, late) = (both.from.now(), both.from.later(Duration::from_secs(5)));
    let (from, to) = (both.from.store(), both.to.store());
    for (store, person, granted, at) in [
        (&from, who(1), false, early),
        (&from, who(2), false, late),
        (&to, who(2), true, early),
        (&from, who(3), true, early),
        (&to, who(3), false, late),
    ] {
        store.consent(said(person, granted, at)).await.expect("consent works");
    }
    let set = |state, since| FlowSetting { state, since: Some(since), ..FlowSetting::default() };
    for (store, campaign, setting) in [
        (&from, "new", paused()),
        (&from, "later", set(FlowState::Paused, late)),
        (&to, "later", set(FlowState::Running, early)),
        (&from, "earlier", set(FlowState::Paused, early)),
        (&to, "earlier", set(FlowState::Running, late)),
    ] {
        store.set_flow(scope(Some(campaign)), setting).await.expect("set_flow works");
    }
    let report = both.copy().await;
    assert_eq!((report.progress.consents, report.progress.flows), (2, 2));
    for (person, granted, at) in [(who(1), false, early), (who(2), false, late), (who(3), false, late)] {
        let known = to.person(person).await.expect("person works").consents;
        assert_eq!(known, [said(person, granted, at)]);
    }
    let flows = to.flows().borrow().clone();
    for (campaign, setting) in [
        ("new", paused()),
        ("later", set(FlowState::Paused, late)),
        ("earlier", set(FlowState::Running, late)),
    ] {
        assert_eq!(flows.settings.get(&scope(Some(campaign))), Some(&setting), "{campaign}");
    }
    assert_eq!(both.copy().await.progress, Progress::default());
}

pub(crate) async fn mailboxes_arrive<P: Pair>() {
    let both = Move::<P>::with(|rules| rules.max_mailboxes = 1000).await;
    let (from, to) = (both.from.store(), both.to.store());
    let sealed = |text: &str| Some(Sealed::new(text.as_bytes()));
    // More than a page holds, in many partitions.
    let people: Vec<_> =
        (0..600_u16).map(|n| RecipientId(std::array::from_fn(|at| n.to_be_bytes()[at % 2]))).collect();
    for who in &people {
        from.watch_mailbox(*who, sealed("from there")).await.expect("watch_mailbox works");
    }
    to.watch_mailbox(people[7], sealed("was here")).await.expect("watch_mailbox works");
    assert_eq!(both.copy().await.progress.mailboxes, 599);
    for (n, who) in people.iter().enumerate() {
        let expected = sealed(if n == 7 { "was here" } else { "from there" });
        assert_eq!(to.person(*who).await.expect("person works").mailbox, expected);
    }
    assert_eq!(both.copy().await.progress, Progress::default());
}

pub(crate) async fn open_cases_arrive<P: Pair>() {
    let both = Move::<P>::new().await;
    let (from, to) = (both.from.store(), both.to.store());
    // More than a page holds, in many partitions.
    let person = |n: u16| RecipientId(std::array::from_fn(|at| n.to_be_bytes()[at % 2]));
    let mut cases: Vec<_> = (0..600).map(|n| case_of("demo", &n.to_string(), person(n), "1")).collect();
    cases[9].deadline = Some(both.from.later(Duration::from_hours(1)));
    for outcome in from.put_cases(cases.clone()).await {
        outcome.expect("put_cases works");
    }
    from.settle(&cases[8].brand, "8", "paid").await.expect("settle works");
    let letter = SendSpec { case: Some("9".into()), ..send("s-9", person(9)) };
    both.from.accept(&letter).await;
    let gone = SendSpec { case: Some("10".into()), ..send("s-10", person(10)) };
    both.from.accept(&gone).await;
    both.from.sent(both.from.claim(person(10)).await.hold).await;
    let sight = |letter: &SendSpec| Seen {
        recipient: letter.recipient,
        send: letter.id,
        what: Glance::Open,
        at: both.from.now(),
    };
    let noted = from.note_seen(&[sight(&letter), sight(&gone)]).await.expect("note_seen works");
    assert!(noted.iter().all(Option::is_some));
    let ids: Vec<_> = cases.iter().map(|case| (case.brand.clone(), case.case.clone())).collect();
    let before = from.cases(&ids).await.expect("cases works");
    assert_eq!(both.copy().await.progress, Progress { moved: 1, cases: 599, ..Progress::default() });
    let after = to.cases(&ids).await.expect("cases works");
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(after.as_ref(), before.as_ref().filter(|_| n != 8), "case {n}");
    }
    assert_eq!(to.note_seen(&[sight(&gone)]).await.expect("note_seen works"), [Some(ids[10].clone())]);
    let left = from.snapshot().await.expect("snapshot works").cases[&cases[0].brand];
    assert_eq!((left.open, left.settled), (0, 1));
    assert_eq!(to.snapshot().await.expect("snapshot works").cases[&cases[0].brand].open, 599);
    both.pass(Duration::from_hours(1));
    assert_eq!(both.from.tick().await.ended, [], "its deadline is not this store's any more");
    both.to.due().await;
    assert_eq!(both.to.tick().await.ended, [(letter.id, SendState::HandedOff)]);
    assert_eq!(both.copy().await.progress, Progress::default());
}

pub(crate) async fn suppressions_arrive<P: Pair>() {
    let both = Move::<P>::with(|rules| rules.max_waiting = 1000).await;
    let (from, to) = (both.from.store(), both.to.store());
    // More than a page holds, in many partitions.
    let people: Vec<_> =
        (0..600_u16).map(|n| RecipientId(std::array::from_fn(|at| n.to_be_bytes()[at % 2]))).collect();
    for who in &people {
        from.suppress(bounced(&both.from, *who)).await.expect("suppress works");
    }
    from.suppress(complained(&both.from, people[3], "demo")).await.expect("suppress works");
    to.suppress(complained(&both.to, people[3], "demo")).await.expect("suppress works");
    let letter = send("s-1", people[7]);
    both.to.accept(&letter).await;
    assert_eq!(both.copy().await.progress.suppressions, 600);
    for who in &people {
        let there = from.person(*who).await.expect("person works").suppressions;
        assert_eq!(to.person(*who).await.expect("person works").suppressions, there);
    }
    assert_eq!(both.to.state(&letter).await, Some(SendState::HandedOff));
    assert_eq!(both.copy().await.progress, Progress::default());
}

pub(crate) async fn what_moves_to_where_its_person_gets_no_mail_is_handed_off<P: Pair>() {
    let both = Move::<P>::new().await;
    let letter = send("s-1", who(1));
    both.from.accept(&letter).await;
    both.to.store().suppress(bounced(&both.to, who(1))).await.expect("suppress works");
    both.copy().await;
    assert_eq!(both.states(&letter).await, [Some(SendState::Cancelled), Some(SendState::HandedOff)]);
    both.to.counts().await;
}

pub(crate) async fn there_and_back_again<P: Pair>() {
    let both = Move::<P>::new().await;
    let letters: Vec<_> = (1..=3).map(|n| send(&format!("s-{n}"), who(n))).collect();
    both.from.enqueue(&letters).await;
    turn(&*both.from.store(), 0).await;
    both.copy().await;
    let hold = both.to.claim(who(3)).await.hold;
    both.to.sent(hold).await;
    let before = both.to.store().send(letters[0].id).await.expect("send works");
    let report = both.back().await;
    assert_eq!((report.progress.moved, report.progress.known), (2, 0));
    assert_eq!(both.from.store().send(letters[0].id).await.expect("send works"), before);
    let back = [Some(SendState::Waiting), Some(SendState::Cancelled)];
    assert_eq!(both.states(&letters[1]).await, back);
    assert_eq!(both.states(&letters[2]).await, [Some(SendState::Cancelled), Some(SendState::Sent)]);
    assert!(both.to.touch(who(1)).await.is_empty());
    both.copy().await;
    assert_eq!(both.states(&letters[0]).await, MOVED);
    assert_eq!(claimed(&both.to.touch(who(1)).await), ["s-1"]);
    let (from, to) = (both.from.counts().await, both.to.counts().await);
    assert_eq!((from.accepted, from.states[SendState::Cancelled as usize]), (5, 5));
    assert_eq!((to.accepted, to.states[SendState::Cancelled as usize]), (5, 2));
}

pub(crate) async fn ages_and_deadlines_arrive<P: Pair>() {
    let both = Move::<P>::new().await;
    in_the_morning(&both.from);
    let behind = both.from.now().duration_since(both.to.now());
    both.to.pass(behind.try_into().expect("it is behind"));
    let letters = filled(&both.from).await;
    both.pass(DAY * 2);
    both.from.store().cancel(letters[1].id, "").await.expect("cancel works");
    both.copy().await;
    assert_eq!(open(&both.from).await, Open::default(), "they are alive elsewhere");
    let moved = Open { by_age: [0, 3, 0, 0], by_deadline: [0, 0, 1, 0, 1, 1] };
    assert_eq!(open(&both.to).await, moved, "as old as they were");
}
