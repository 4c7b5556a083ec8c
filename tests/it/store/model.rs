//! Random histories against the [`reference`]: after each step both must agree on every answer and on everything that
//! can be seen. `PROPTEST_CASES` sets how many histories are tried.

mod history;
mod reference;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;
use vigie::model::{
    Budget, Budgets, CaseRecord, ClaimId, Consent, ConsentRule, Deferral, Finish, FlowScope, FlowSetting,
    FlowState, Grantee, Hold, Leaving, OnUncertain, Origin, SendSpec, Source, SuppressReason, SuppressScope,
    Suppression,
};
use vigie::store::{Aim, Enqueued, Fenced, Rules, Touch};

use super::bench::{
    Backend, Bench, ClusterBackend, EmbeddedBackend, Habits, RedisBackend, SpreadBackend, ValkeyBackend,
    case_of, name, send_of, signal, who,
};
use history::{End, Step, Visit, WORTHS, Wish, step};
use reference::{Case, Fate, Reference};

const BRANDS: [&str; 2] = ["demo", "rival"];

fn rules(spaced: bool, grace: bool, frugal: bool, habits: Habits) -> Rules {
    let budget = |at_most, within| Budget { at_most, within: Duration::from_secs(within) };
    let own = BTreeMap::from([(name("rival"), vec![budget(1, 90)])]);
    let budgets = Budgets { together: vec![budget(1, 20), budget(2, 120)], brands: own };
    Rules {
        window: Duration::from_secs(100),
        min_gap: Duration::from_secs(if spaced { 50 } else { 0 }),
        budgets: if frugal { budgets } else { Budgets::default() },
        recent: Duration::from_secs(if grace { 40 } else { 0 }),
        landed_within: Duration::from_secs(30),
        hint_ttl: Duration::from_secs(25),
        echo: Duration::from_secs(15),
        best_hour: Duration::from_mins(1),
        claims_per_touch: 2,
        max_attempts: 2,
        max_waiting: 8 * u64::from(habits.partitions),
        max_online: 2,
        ..super::bench::rules()
    }
}

/// The store and the reference, side by side.
struct Both<B> {
    bench: Bench<B>,
    reference: Reference,
    /// Every hold ever given out, the newest last.
    holds: Vec<Hold>,
    requests: u128,
}

impl<B: Backend> Both<B> {
    fn request(&mut self) -> ClaimId {
        self.requests += 1;
        ClaimId(self.requests.to_be_bytes())
    }

    fn spec(&self, wish: &Wish) -> SendSpec {
        let seconds =
            |seconds: Option<u16>| seconds.map(|by| self.bench.later(Duration::from_secs(by.into())));
        let brand = BRANDS[usize::from(wish.reference) % 2];
        let mut spec = send_of(brand, &wish.reference.to_string(), who(wish.reference % 3));
        spec.campaign = wish.campaign.then(|| name("wave"));
        // A case is one person's.
        spec.case = wish.case.then(|| (wish.reference % 3).to_string());
        (spec.not_before, spec.deadline) = (seconds(wish.due), seconds(wish.deadline));
        (spec.priority, spec.on_deadline) = (wish.priority, wish.on_deadline);
        spec.on_uncertain = if wish.resend { OnUncertain::Resend } else { OnUncertain::Hold };
        spec.digest = format!("{:?}", (spec.priority, spec.campaign.is_some()));
        spec
    }

    /// One of the last holds.
    fn hold(&self, back: usize) -> Option<Hold> {
        self.holds.iter().rev().nth(back).copied()
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Enqueue(wishes) => self.enqueue(&wishes).await,
            Step::Touch(visit) => self.touch(visit).await,
            Step::Away(n) => {
                self.bench.store().away(who(n), Leaving::Left).await.expect("away works");
                self.reference.away(who(n), Leaving::Left);
            }
            Step::Unmask(n) => {
                let leaving = Leaving::Unmasked(Duration::from_secs(10));
                self.bench.store().away(who(n), leaving).await.expect("away works");
                self.reference.away(who(n), leaving);
            }
            Step::Tick { limit } => self.tick(limit).await,
            Step::Pass(seconds) => {
                self.bench.pass(Duration::from_secs(seconds.into()));
                self.reference.pass(Duration::from_secs(seconds.into()));
            }
            Step::Reopen => {
                self.bench.backend.reopen().await;
                self.reference.reopen();
            }
            Step::Crash => {
                self.bench.backend.crash().await;
                self.reference.crash();
                // Whoever took over has nothing to do before the dead gateway is taken for dead.
                let mourned = B::HABITS.alive_after_death;
                self.bench.pass(mourned);
                self.reference.pass(mourned);
            }
            Step::Renew(_) | Step::Begin(_) | Step::Finish(..) => self.hold_on(step).await,
            other => self.decide(other).await,
        }
    }

    /// One tick, which must leave nothing out unless it says so. With several partitions a store that was just opened
    /// hears of them one after the other, so then there are as many ticks as it takes.
    async fn tick(&mut self, limit: usize) {
        loop {
            let request = self.request();
            let ticked = self.bench.store().tick(request, limit).await.expect("tick works");
            let cases = self.cases().await;
            self.reference.tick(request, &ticked, &cases.into_iter().flatten().collect::<Vec<_>>());
            self.holds.extend(ticked.claims.iter().map(|claim| claim.hold));
            let left = self.reference.has_work();
            let told = ticked.more || B::HABITS.partitions > 1;
            assert!(told || !left, "nothing was left out: {:?}", self.reference);
            if !left || limit < 1000 {
                return;
            }
            self.bench.due().await;
        }
    }

    async fn enqueue(&mut self, wishes: &[Wish]) {
        let specs: Vec<_> = wishes.iter().map(|wish| self.spec(wish)).collect();
        let request = self.request();
        let answers = self
            .bench
            .store()
            .enqueue(request, specs.clone(), vigie::store::Wait::Stored)
            .await
            .expect("enqueue works");
        let fates = answers.iter().map(|answer| match answer {
            Enqueued::New(claim) => Fate::New { claimed: claim.is_some() },
            Enqueued::Same => Fate::Same,
            Enqueued::Conflict => Fate::Conflict,
            Enqueued::Full => Fate::Full,
            Enqueued::Closed(state) => Fate::Closed(*state),
            Enqueued::Failed(error) => panic!("{error}"),
        });
        assert_eq!(fates.collect::<Vec<_>>(), self.reference.enqueue(request, &specs));
        self.holds.extend(answers.iter().filter_map(|answer| match answer {
            Enqueued::New(claim) => claim.as_ref().map(|claim| claim.hold),
            _ => None,
        }));
    }

    async fn touch(&mut self, visit: Visit) {
        let Visit { who: n, tracked, about, worth } = visit;
        let person = who(n);
        let grantee = Grantee::Brand(name("demo"));
        let said = self.reference.consents.get(&(person, grantee.clone())).copied();
        // A mail is its recipient's: what is known of it is kept with them.
        let about = about.filter(|n| who(n % 3) == person);
        let about = about.map(|n| send_of(BRANDS[usize::from(n) % 2], &n.to_string(), person).id);
        let origin =
            if tracked { Origin::Tracked { grantee, rule: ConsentRule::Presumed } } else { Origin::Trusted };
        let (worth, source) = (WORTHS[worth], if tracked { Source::Open } else { Source::Imap });
        let touch = Touch { request: self.request(), origin, about, worth, source, ..signal(person) };
        let touched = self.bench.store().touch(touch.clone()).await.expect("touch works");
        let claims = touched.claims.iter().map(|claim| claim.hold.send).collect::<Vec<_>>();
        let consent = said.filter(|_| tracked);
        let seen = self.reference.touch(&touch, consent);
        assert_eq!((touched.ignored, touched.age, touched.joined), (seen.ignored, seen.age, seen.joined));
        let landed = touched.landed.map(|landed| landed.after);
        assert_eq!((claims, landed), (seen.claims, seen.landed));
        for claim in &touched.claims {
            self.reference.check_facts(claim);
        }
        self.holds.extend(touched.claims.iter().map(|claim| claim.hold));
        let again = self.bench.store().touch(touch).await.expect("touch works").claims;
        if !touched.claims.is_empty() {
            let holds = |claims: &[vigie::model::Claim]| claims.iter().map(|c| c.hold).collect::<Vec<_>>();
            assert_eq!(holds(&again), holds(&touched.claims), "a repeat gets the same answer");
        }
    }

    async fn hold_on(&mut self, step: Step) {
        let (Step::Renew(back) | Step::Begin(back) | Step::Finish(back, _)) = step else { return };
        let Some(hold) = self.hold(back) else { return };
        let store = self.bench.store();
        match step {
            Step::Renew(_) => {
                let renewed = store.renew(&[hold]).await.expect("renew works");
                assert_eq!(renewed, [self.reference.renew(hold)]);
            }
            Step::Finish(_, end) => {
                let finish = self.finish(&end);
                let fenced = store.finish(hold, finish.clone()).await.expect("finish works");
                assert_eq!(fenced, self.reference.finish(hold, &finish));
                let again = store.finish(hold, finish).await.expect("finish works");
                assert_eq!(again, fenced, "a repeat gets the same answer");
            }
            _ => {
                let begun = store.begin(hold).await.expect("begin works");
                assert_eq!(begun, self.reference.begin(hold));
                let again = store.begin(hold).await.expect("begin works");
                assert!(begun == again || begun == Fenced::Stale, "a repeat gets the same answer");
            }
        }
    }

    fn finish(&self, end: &End) -> Finish {
        let reason = String::from("because");
        match end {
            End::Accepted => super::bench::accepted(),
            End::Deferred { seconds, counts } => {
                let until = self.bench.later(Duration::from_secs((*seconds).into()));
                Finish::Deferred(Deferral { until, reason, counts: *counts })
            }
            End::Rejected => Finish::Rejected { reason },
            End::Released => Finish::Released { reason },
            End::Uncertain => Finish::Uncertain { reason },
        }
    }

    async fn decide(&mut self, step: Step) {
        let store = self.bench.store();
        match step {
            Step::Cancel(n) => {
                let id = send_of(BRANDS[usize::from(n) % 2], &n.to_string(), who(n % 3)).id;
                let cancelled = store.cancel(id, "paid").await.expect("cancel works");
                assert_eq!(cancelled, self.reference.cancel(id));
            }
            Step::Aim { reference, seconds } => self.aim(reference, seconds).await,
            Step::PutCase { .. } => self.put_case(step).await,
            Step::Settle { brand, case } => {
                let (brand, case) = (name(BRANDS[brand]), case.to_string());
                let settled = store.settle(&brand, &case, "paid").await.expect("settle works");
                assert_eq!(settled, self.reference.settle(&brand, &case));
            }
            Step::HandOff { brand, case } => {
                let (brand, case) = (name(BRANDS[brand]), case.to_string());
                let settled = store.hand_off(&brand, &case, "asked").await.expect("hand_off works");
                assert_eq!(settled, self.reference.hand_off(&brand, &case));
            }
            Step::Forget(n) => {
                let forgotten = store.forget(who(n)).await.expect("forget works");
                assert_eq!(forgotten, self.reference.forget(who(n)));
            }
            Step::Consent { who, granted } => self.consent(who, granted).await,
            Step::Suppress { who: n, brand } => {
                let (recipient, scope, since) = (who(n), scope(brand), self.bench.now());
                let detail = "5.1.1".to_owned();
                let why = SuppressReason::HardBounce;
                let suppression = Suppression { recipient, scope: scope.clone(), why, detail, since };
                let suppressed = store.suppress(suppression).await.expect("suppress works");
                assert_eq!(suppressed, self.reference.suppress(recipient, scope));
            }
            Step::Unsuppress { who: n, brand } => {
                let lifted = store.unsuppress(who(n), scope(brand)).await.expect("unsuppress works");
                assert_eq!(lifted, self.reference.unsuppress(who(n), scope(brand)));
            }
            Step::Flow { brand, campaign, paused, until } => {
                let scope =
                    FlowScope { brand: name(BRANDS[brand]), campaign: campaign.then(|| name("wave")) };
                let state = if paused { FlowState::Paused } else { FlowState::Running };
                let until = until.map(|by| self.bench.later(Duration::from_secs(by.into())));
                let setting = FlowSetting { state, until, ..FlowSetting::default() };
                store.set_flow(scope.clone(), setting.clone()).await.expect("set_flow works");
                self.reference.set_flow(scope, setting);
            }
            other => unreachable!("{other:?} is dealt with elsewhere"),
        }
    }

    async fn aim(&mut self, n: u8, seconds: u16) {
        let send = send_of(BRANDS[usize::from(n) % 2], &n.to_string(), who(n % 3));
        let at = self.bench.later(Duration::from_secs(seconds.into()));
        let aim = Aim { send: send.id, recipient: send.recipient, at };
        let will = self.bench.store().aim(&[aim]).await.expect("aim works");
        assert_eq!(will, [self.reference.aim(&aim)]);
    }

    async fn consent(&mut self, n: u8, granted: bool) {
        let (recipient, to, at) = (who(n), Grantee::Brand(name("demo")), self.bench.now());
        let (proof, earlier) = ("form 3".into(), Vec::new());
        let consent = Consent { recipient, grantee: to, granted, proof, at, earlier };
        self.bench.store().consent(consent.clone()).await.expect("consent works");
        self.reference.consent(&consent);
    }

    async fn put_case(&mut self, step: Step) {
        let Step::PutCase { brand, case: n, who: person, amount, deadline } = step else { return };
        let (brand, case) = (name(BRANDS[brand]), n.to_string());
        // Whose case it was is not known any more of one that is closed.
        let open = self.reference.cases.get(&(brand.clone(), case.clone())).is_some_and(Case::is_open);
        let mut spec =
            case_of(brand.as_str(), &case, who(if open { person } else { n }), &amount.to_string());
        spec.deadline = deadline.map(|by| self.bench.later(Duration::from_secs(by.into())));
        let put = self.bench.store().put_cases(vec![spec.clone()]).await.pop().expect("an answer");
        assert_eq!(put.expect("put_cases works"), self.reference.put_case(spec));
    }

    /// All cases there may be, as the store has them.
    async fn cases(&self) -> Vec<Option<CaseRecord>> {
        let ids: Vec<_> =
            BRANDS.iter().flat_map(|brand| (0..3).map(|n| (name(brand), n.to_string()))).collect();
        self.bench.store().cases(&ids).await.expect("cases works")
    }

    /// Everything that can be seen is the same.
    async fn compare(&self) {
        let store = self.bench.store();
        let snapshot = store.snapshot().await.expect("snapshot works");
        assert_eq!(snapshot.flows, self.reference.counts());
        assert!(snapshot.flows.values().all(|counts| counts.gap() == 0));
        assert_eq!(snapshot.cases, self.reference.case_counts());
        for brand in BRANDS {
            let open = snapshot.open.get(&name(brand)).copied().unwrap_or_default();
            let live = self.reference.live(brand);
            assert_eq!((open.by_age.iter().sum::<u64>(), open.by_deadline.iter().sum()), (live.0, live.0));
            assert_eq!(open.by_deadline[5], live.1, "those without a deadline");
        }
        for record in self.cases().await.into_iter().flatten() {
            self.reference.compare_case(&record);
        }
        let mut online = 0;
        for n in 0..3 {
            let person = store.person(who(n)).await.expect("person works");
            let seen = self.reference.online.get(&who(n)).filter(|_| self.reference.is_online(who(n)));
            assert_eq!(person.online, seen.copied());
            assert_eq!(person.contacts, self.reference.contacts(who(n)));
            assert_eq!(person.hints, self.reference.hints(who(n)));
            let stopped: Vec<_> = person.suppressions.into_iter().map(|known| known.scope).collect();
            assert_eq!(stopped, self.reference.scopes(who(n)));
            assert_eq!(person.hours, self.reference.hours.get(&who(n)).copied());
            let waiting: BTreeSet<_> = person.waiting.iter().map(|record| record.id).collect();
            assert_eq!(waiting, self.reference.waiting(who(n)));
            online += u64::from(seen.is_some());
        }
        assert!(snapshot.online >= online, "at least those within the window are counted");
        for letter in &self.reference.letters {
            let record = store.send(letter.spec.id).await.expect("send works").expect("it is known");
            assert_eq!((record.state, record.attempts), (letter.state, letter.attempts));
            assert!(record.spec.is_none() || !record.state.is_final());
        }
        if self.reference.has_work() {
            self.bench.due().await;
        }
    }
}

/// Of one brand, or of all.
fn scope(brand: Option<usize>) -> SuppressScope {
    brand.map_or(SuppressScope::All, |brand| SuppressScope::Brand(name(BRANDS[brand])))
}

async fn run<B: Backend>(steps: Vec<Step>, rules: Rules) {
    let bench = Bench { backend: B::start(rules.clone()).await };
    let reference = Reference::new(rules, B::HABITS, bench.now());
    let mut both = Both { bench, reference, holds: Vec::new(), requests: 0 };
    for step in steps {
        both.apply(step).await;
        both.compare().await;
    }
    both.bench.store().close().await.expect("it closes");
}

/// Tries random histories, and shrinks one that fails: all on the same servers.
fn agrees<B: Backend>(cases: u32) {
    let ground = runtime().block_on(B::ground());
    let histories = (prop::collection::vec(step(), 1..120), any::<bool>(), any::<bool>(), any::<bool>());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&histories, |(steps, spaced, grace, frugal)| {
        let history = run::<B>(steps, rules(spaced, grace, frugal, B::HABITS));
        // A runtime of its own: what a failed history leaves running ends with it.
        runtime().block_on(B::on(ground.clone(), history));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn embedded_agrees_with_the_reference() {
    agrees::<EmbeddedBackend>(cases());
}

#[test]
fn redis_agrees_with_the_reference() {
    agrees::<RedisBackend>(cases());
}

#[test]
fn redis_in_partitions_agrees_with_the_reference() {
    agrees::<SpreadBackend>(cases().div_ceil(4));
}

#[test]
fn a_redis_cluster_agrees_with_the_reference() {
    agrees::<ClusterBackend>(cases().div_ceil(4));
}

#[test]
fn valkey_agrees_with_the_reference() {
    agrees::<ValkeyBackend>(cases().div_ceil(4));
}

/// As many as fit in half a minute of a debug build.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32)
}
