//! The store in Redis, Valkey or Redis Cluster, shared by many gateways.
//!
//! Every step is one function call in one slot: the rules of [`Store`] are written in `lua/`, one file per operation, and
//! this side only encodes, routes and decodes. [`keys`] is the page of everything that lies in Redis; [`router`] finds the
//! server, [`enqueue`] takes sends in, [`turns`] shares out what time brings, [`after`] does what may come a moment later.
//!
//! Where it differs from the [embedded store](super::embedded), because it is shared:
//!
//! - Time is the server's. A gateway's clock is only used to know when to ask.
//! - Claims outlive the gateway that made them: they come back when the lease runs out. After an outage of the server
//!   nothing is taken back for a whole lease, since holders could not renew.
//! - `max_waiting` is kept by each partition for its share, [`Rules::max_online`] not at all: presence has a time to live,
//!   and when the server is short of memory people are claimed for but not remembered.
//!
//! # Size and speed
//!
//! Measured in release on a two-core virtual machine that was busy with other work (load average 5 to 10), everything on
//! it: read the ratios and the processor time, not the rates. `vigie-load` has each (README, *Figures*).
//!
//! - A touch with nothing waiting, each of another person, through the edge (`touches`): 29 µs of processor in all, of
//!   which Redis takes 9.2 (a plain `SET … PX`, pipelined, took 3.4 in the same minutes), the gateway 13, the load generator
//!   6.6; 52–56 thousand a second. What bounds it are the two processors; a Redis with a core to itself would be next.
//!   Of its 9 µs a quarter is the call of any function, a quarter the `SET`, a sixth the counter of the present, the
//!   rest the look for what is known and the append-only file.
//! - The gateway asks in groups while the store is busy ([`pipeline`](crate::pipeline)), and the function looks at all that
//!   could matter in one command: before, a touch took 37 µs in the same minutes (Redis 11.3, gateway 19).
//! - Memory of Redis: 133 bytes for a person online (`present`), 145 for one with a consent (`known`), 1.4 KB for a
//!   waiting send with its case (`enqueue`).
//! - A send accepted in bulk takes 45 µs of Redis and 37 of the gateway, at a load average of 10.

pub mod admin;
pub mod rights;
pub mod server;

mod after;
mod enqueue;
mod events;
mod fault;
mod head;
mod keys;
mod library;
mod link;
mod reply;
mod router;
mod show;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value, cmd};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::time::{millis, span, timestamp};
use super::{
    Cancelled, Enqueued, Fenced, Forgotten, Ignored, Person, Rules, Settled, Snapshot, Store, StoreError,
    Ticked, Touch, Touched, Wait,
};

use crate::clock::Clock;
use crate::config::RedisUrl;
use crate::model::{
    Cause, Claim, ClaimId, Consent, ConsentRule, Finish, FlowScope, FlowSetting, Flows, Hold, Name, Origin,
    RecipientId, SendId, SendRecord, SendSpec, Source,
};

use self::enqueue::{case_key, words};
use self::events::{Announcer, EVENTS, Publish};
use self::fault::Fault;
use self::keys::{FLOWS, META, Partition, Partitions};
use self::library::functions;
pub use self::library::{Library, library};
use self::reply::{Gone, Reply, Told, damaged, int, state};
use self::router::{Lane, Place, Router, Safe};
use self::server::Sync;
use self::turns::Turns;

/// Into how many partitions a new store is divided.
const PARTITIONS: u16 = 256;

/// The layout of the keys; a store of another one is not opened.
const FORMAT: &str = "1";

/// How long a server may take to write to its disk: with `appendfsync everysec` a second, and some.
const ON_DISK: Duration = Duration::from_secs(2);

/// How long a store that closes waits for Redis to take the last events.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Most sends one call of `settle` or `forget` deals with.
const AT_ONCE: usize = 200;

/// How a gateway uses Redis, beyond where it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replicas that must have an accepted send before the producer hears of it (`store.enqueue_wait`); zero for none.
    pub replicas: u16,
    /// How long to wait for them, at most (`store.enqueue_wait_timeout`).
    pub replicas_within: Duration,
    /// Start although the server may lose sends (`--accept-losing-sends`).
    pub accept_losing_sends: bool,
    /// The fingerprint of the gateway's identity key: a store belongs to the first one that opened it, and another is
    /// refused as [`StoreError::Unfit`], for it would know nobody in it. None is a guest, who is compared with nobody,
    /// brings people of its own and takes no share of what time brings.
    pub identity: Option<[u8; 8]>,
}

/// A store in Redis.
pub struct RedisStore {
    inner: Arc<Inner>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What every step needs.
struct Inner {
    router: Router,
    partitions: Partitions,
    rules: Rules,
    spans: Spans,
    options: Options,
    turns: Turns,
    sync: Sync,
    /// Ids whose index entries get their time to live.
    gone: mpsc::Sender<SendId>,
    announcer: Announcer,
    closed: AtomicBool,
}

/// The rules as functions take them: milliseconds and counts.
struct Spans {
    window: i64,
    /// The width of the slices in which the present are counted.
    slice: i64,
    min_gap: i64,
    scan_grace: i64,
    lease: i64,
    keep_finished: i64,
    claims_per_touch: usize,
    /// What only a touch that claims needs: `min_gap`, most claims, `lease`.
    claiming: String,
    /// Most live sends of one partition.
    most_live: u64,
}

impl Spans {
    fn new(rules: &Rules, partitions: u16) -> Self {
        let window = span(rules.window);
        Self {
            window,
            slice: (window / 16).max(1),
            min_gap: span(rules.min_gap),
            scan_grace: span(rules.scan_grace),
            lease: span(rules.lease),
            keep_finished: span(rules.keep_finished),
            claims_per_touch: rules.claims_per_touch,
            claiming: format!("{} {} {}", span(rules.min_gap), rules.claims_per_touch, span(rules.lease)),
            most_live: rules.max_waiting.div_ceil(partitions.into()),
        }
    }
}

impl RedisStore {
    /// Connects, checks that the server is fit for a queue, and loads the functions where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] if the server would lose sends, [`StoreError::Unavailable`] if it cannot be reached.
    pub async fn open(
        url: &RedisUrl,
        options: Options,
        rules: Rules,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mut sync = Sync::Always;
        for survey in admin::survey(url, options.replicas).await? {
            server::heed(&survey.server, survey.remarks(), options.accept_losing_sends)?;
            sync = sync.min(survey.sync);
        }
        let router = Router::connect(url, library().clone(), &clock).await?;
        let count = meta(&router, url.partitions, options.identity).await?;
        let (gone, queue) = mpsc::channel(after::WAITING);
        let announcer = Announcer::start(publisher(&router));
        let inner = Arc::new(Inner {
            router,
            partitions: Partitions::new(count),
            spans: Spans::new(&rules, count),
            turns: Turns::new(count, clock, options.identity.is_none()),
            sync,
            rules,
            options,
            gone,
            announcer,
            closed: AtomicBool::new(false),
        });
        inner.beat().await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let beating = Arc::clone(&inner).keep_beating();
        tasks.spawn(stop.clone().run_until_cancelled_owned(beating));
        tasks.spawn(after::run(Arc::clone(&inner), queue, stop.clone()));
        tasks.close();
        Ok(Self { inner, stop, tasks })
    }

    fn open_store(&self) -> Result<&Inner, StoreError> {
        if self.inner.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        Ok(&self.inner)
    }
}

/// How events reach Redis.
fn publisher(router: &Router) -> Publish {
    let router = router.clone();
    Arc::new(move |commands| {
        let router = router.clone();
        Box::pin(async move {
            let place = Place::of(EVENTS.as_bytes());
            let commands = commands.into_iter().map(|command| (place, command)).collect();
            router.many(Lane::Control, commands).await.iter().map(Result::is_ok).collect()
        })
    })
}

/// Reads the facts that never change, or writes them into a new store; gives the number of partitions.
async fn meta(router: &Router, wanted: Option<u16>, identity: Option<[u8; 8]>) -> Result<u16, StoreError> {
    let place = Place::of(META.as_bytes());
    let identity = identity.map(const_hex::encode);
    let facts = [
        ("format", Some(FORMAT.to_owned())),
        ("partitions", Some(wanted.unwrap_or(PARTITIONS).to_string())),
        ("identity", identity.clone()),
    ];
    for (field, value) in facts {
        let Some(value) = value else { continue };
        let mut set = cmd("HSETNX");
        set.arg(META).arg(field).arg(value);
        router.call(Lane::Control, place, set).await?;
    }
    let mut get = cmd("HMGET");
    get.arg(META).arg("format").arg("partitions").arg("identity");
    let mut reply = Reply::of(router.call(Lane::Control, place, get).await?)?;
    let format = reply.text()?;
    if format != FORMAT {
        return Err(StoreError::Unfit(format!(
            "it was written in format {format}, this build knows format {FORMAT}: use the build that wrote it"
        )));
    }
    let count: u16 = int(&reply.next()?)?.try_into().map_err(|_| damaged("a number of partitions"))?;
    if let Some(identity) = identity
        && reply.text()? != identity
    {
        return Err(StoreError::Unfit(
            "it belongs to gateways with another identity key, to whom its people are known by other names: copy \
             data/secrets.toml from one of them, or name another database"
                .into(),
        ));
    }
    match wanted {
        Some(wanted) if wanted != count => Err(StoreError::Unfit(format!(
            "it was divided into {count} partitions when it was made: leave `?partitions=` out of store.url"
        ))),
        _ => Ok(count),
    }
}

impl Inner {
    /// What to wait for behind new sends, for them to be as safe as was asked.
    fn safe(&self, wait: Wait) -> Result<Option<Safe>, StoreError> {
        let Options { replicas, replicas_within: within, .. } = self.options;
        let copies = (replicas > 0).then_some(Safe::Replicas { count: replicas, within });
        match (wait, self.sync) {
            (Wait::Stored, _) | (Wait::Durable, Sync::Always) => Ok(copies),
            (Wait::Durable, Sync::OnRequest) => Ok(Some(Safe::Disk { replicas, within: ON_DISK })),
            (Wait::Durable, Sync::Unknown) if copies.is_some() => Ok(copies),
            (Wait::Durable, Sync::Unknown) => Err(StoreError::CannotWait(
                "this Redis cannot say when a send is on its disk: set `appendfsync always`, use Redis 7.2 or Valkey, or \
                 wait for a replica with store.enqueue_wait"
                    .into(),
            )),
        }
    }

    /// A function's call, as far as all calls are the same.
    fn fcall(&self, function: &str, partition: &Partition) -> Cmd {
        let mut call = Cmd::with_capacity(16, 256);
        call.arg("FCALL").arg(function).arg(1).arg(&partition.tag);
        call
    }

    async fn call(&self, lane: Lane, partition: &Partition, call: Cmd) -> Result<Value, StoreError> {
        Ok(self.router.call(lane, partition.place, call).await?)
    }

    /// The flows held back now, as last arguments.
    fn hold_back(&self, call: &mut Cmd) {
        for flow in self.turns.held_back() {
            call.arg(flow);
        }
    }

    /// Whether the mail may carry a pixel: what the person said to the brand, or its rule.
    fn tracked(&self, spec: &SendSpec, said: Option<bool>) -> bool {
        let rule = self.rules.consent.get(&spec.brand).copied().unwrap_or_default();
        said.unwrap_or(rule == ConsentRule::Presumed)
    }

    fn claim(&self, told: Told, request: ClaimId, cause: Cause) -> Result<Claim, StoreError> {
        told.parse(request, cause, |spec, said| self.tracked(spec, said))
    }

    /// Tells of sends that are gone, and lets their index entries go in time.
    fn follow_up(&self, gone: Vec<Gone>) {
        let at = timestamp(self.turns.server_now());
        for gone in gone {
            // A full queue leaves an entry without end; see `after`.
            let _ = self.gone.try_send(gone.send);
            self.announcer.tell(gone.event(at));
        }
    }

    /// An answer that ends in an alarm and what is gone.
    fn conclude(&self, who: u16, mut reply: Reply) -> Result<(), StoreError> {
        self.turns.hint(who, reply.int()?);
        self.follow_up(reply.gone()?);
        Ok(())
    }

    /// The slice of the presence window it is now.
    fn slice(&self) -> i64 {
        self.turns.server_now() / self.spans.slice
    }

    fn touch_call(&self, function: &str, touch: &Touch) -> Cmd {
        let mut call = self.fcall(function, self.partitions.of(touch.recipient));
        let source = Source::ALL.iter().position(|known| *known == touch.source).unwrap_or_default();
        // One argument: the slice and the source's digit.
        let seen = self.slice() * 10 + i64::try_from(source).unwrap_or_default();
        call.arg(&touch.recipient.0[..])
            .arg(&touch.request.0[..])
            .arg(seen)
            .arg((self.spans.window - 1).max(1));
        match touch.about {
            Some(send) => call.arg(&send.0[..]),
            None => call.arg(""),
        };
        match &touch.origin {
            Origin::Tracked { grantee, rule } => {
                call.arg(show::grantee(grantee)).arg(i32::from(*rule == ConsentRule::Presumed))
            }
            Origin::Trusted => call.arg("").arg(0),
        };
        call.arg(&self.spans.claiming);
        self.hold_back(&mut call);
        call
    }

    async fn touch(&self, touch: &Touch) -> Result<Touched, StoreError> {
        let place = self.partitions.of(touch.recipient).place;
        let call = self.touch_call(&functions().touch, touch);
        let answer = self.router.call(Lane::Hot, place, call).await;
        self.touched(touch, answer).await
    }

    async fn touch_all(&self, touches: &[Touch]) -> Vec<Result<Touched, StoreError>> {
        if let [touch] = touches {
            return vec![self.touch(touch).await];
        }
        let call = |touch: &Touch| {
            (self.partitions.of(touch.recipient).place, self.touch_call(&functions().touch, touch))
        };
        let answers = self.router.many(Lane::Hot, touches.iter().map(call).collect()).await;
        let mut all = Vec::with_capacity(touches.len());
        for (touch, answer) in touches.iter().zip(answers) {
            all.push(self.touched(touch, answer).await);
        }
        all
    }

    /// What the function's answer means.
    async fn touched(&self, touch: &Touch, answer: Result<Value, Fault>) -> Result<Touched, StoreError> {
        let answer = match answer {
            // Short of memory: mails go out all the same, or it would never get better.
            Err(Fault::OutOfMemory) => {
                let call = self.touch_call(&functions().touch_full, touch);
                self.call(Lane::Hot, self.partitions.of(touch.recipient), call).await?
            }
            answer => answer?,
        };
        self.claimed(touch, answer)
    }

    fn claimed(&self, touch: &Touch, answer: Value) -> Result<Touched, StoreError> {
        let ignored = match answer {
            Value::Int(1) => Some(Ignored::NoConsent),
            Value::Int(2) => Some(Ignored::ScanGrace),
            Value::Int(_) => None,
            claimed => {
                let mut reply = Reply::of(claimed)?;
                self.turns.hint(self.partitions.number_of(touch.recipient), reply.int()?);
                let told = reply.claims()?.into_iter();
                let claims = told
                    .map(|told| self.claim(told, touch.request, Cause::Touch))
                    .collect::<Result<_, _>>()?;
                return Ok(Touched { claims, ignored: None });
            }
        };
        Ok(Touched { claims: Vec::new(), ignored })
    }

    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        let mut by_partition = vec![Vec::new(); self.partitions.all().len()];
        for (place, hold) in holds.iter().enumerate() {
            by_partition[usize::from(self.partitions.number_of(hold.recipient))].push((place, *hold));
        }
        let asked: Vec<_> =
            by_partition.into_iter().enumerate().filter(|(_, holds)| !holds.is_empty()).collect();
        let ask = |(number, holds): &(usize, Vec<(usize, Hold)>)| {
            let partition = &self.partitions.all()[*number];
            let mut call = self.fcall(&functions().renew, partition);
            call.arg(self.spans.lease);
            for (_, hold) in holds {
                call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]);
            }
            (partition.place, call)
        };
        let answers = self.router.many(Lane::Results, asked.iter().map(ask).collect()).await;
        let mut renewed = vec![Fenced::Stale; holds.len()];
        for ((_, holds), answer) in asked.into_iter().zip(answers) {
            let mut reply = Reply::of(answer?)?;
            for (place, _) in holds {
                renewed[place] = fenced(reply.int()?);
            }
        }
        Ok(renewed)
    }

    async fn finish(&self, hold: Hold, finish: &Finish) -> Result<Fenced, StoreError> {
        let partition = self.partitions.of(hold.recipient);
        let (how, text, until, counts) = match finish {
            Finish::Accepted { reply } => ("a", reply, 0, false),
            Finish::Deferred(deferral) => ("d", &deferral.reason, millis(deferral.until), deferral.counts),
            Finish::Rejected { reason } => ("r", reason, 0, false),
            Finish::Released { reason } => ("l", reason, 0, false),
            Finish::Uncertain { reason } => ("u", reason, 0, false),
        };
        let mut call = self.fcall(&functions().finish, partition);
        call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]).arg(finish.mark()).arg(how).arg(words(text));
        call.arg(until.max(0)).arg(i32::from(counts));
        call.arg(self.spans.min_gap).arg(self.spans.scan_grace).arg(self.spans.lease);
        call.arg(self.spans.keep_finished).arg(self.rules.max_attempts);
        let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
        let fenced = fenced(reply.int()?);
        self.conclude(self.partitions.number_of(hold.recipient), reply)?;
        Ok(fenced)
    }

    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        let Some(partition) = self.find(send).await? else { return Ok(Cancelled::Unknown) };
        let mut call = self.fcall(&functions().cancel, partition);
        call.arg(&send.0[..]).arg(words(reason)).arg(self.spans.keep_finished).arg(self.spans.min_gap);
        let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
        let outcome = reply.bytes()?;
        self.conclude(self.number(partition), reply)?;
        Ok(match outcome.as_slice() {
            b"done" => Cancelled::Done,
            b"begun" => Cancelled::InHandOver,
            b"unknown" => Cancelled::Unknown,
            letter => Cancelled::Ended(state(letter).ok_or_else(|| damaged("a known state"))?),
        })
    }

    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        let key = case_key(brand, case);
        let mut settled = Settled::default();
        for partition in self.everywhere("a", &key).await? {
            loop {
                let mut call = self.fcall(&functions().settle, partition);
                call.arg(&key[..])
                    .arg(words(reason))
                    .arg(self.spans.keep_finished)
                    .arg(self.spans.min_gap)
                    .arg(AT_ONCE);
                let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
                let (cancelled, late, more): (u64, u64, i64) = (reply.small()?, reply.small()?, reply.int()?);
                self.conclude(self.number(partition), reply)?;
                settled.cancelled += cancelled;
                if more == 0 {
                    settled.in_hand_over += late;
                    break;
                }
            }
        }
        Ok(settled)
    }

    async fn forget(&self, who: RecipientId) -> Result<Forgotten, StoreError> {
        let partition = self.partitions.of(who);
        let mut forgotten = Forgotten::default();
        loop {
            let mut call = self.fcall(&functions().forget, partition);
            call.arg(&who.0[..]).arg(self.spans.keep_finished).arg(self.spans.min_gap).arg(AT_ONCE);
            let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
            forgotten.sends += reply.small::<u64>()?;
            forgotten.in_hand_over += reply.small::<u64>()?;
            forgotten.consents += reply.small::<u64>()?;
            forgotten.presence |= reply.int()? == 1;
            let more = reply.int()? == 1;
            self.conclude(self.number(partition), reply)?;
            if !more {
                return Ok(forgotten);
            }
        }
    }

    async fn consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let partition = self.partitions.of(consent.recipient);
        let mut call = self.fcall(&functions().consent, partition);
        call.arg(&consent.recipient.0[..])
            .arg(show::grantee(&consent.grantee))
            .arg(i32::from(consent.granted));
        call.arg(millis(consent.at)).arg(&consent.proof);
        self.call(Lane::Results, partition, call).await.map(drop)
    }

    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        let mut set = cmd("HSET");
        set.arg(FLOWS)
            .arg(keys::flow(&scope))
            .arg(serde_json::to_vec(&setting).expect("a setting is plain data"));
        self.router.call(Lane::Results, Place::of(FLOWS.as_bytes()), set).await?;
        self.turns.set_flow(scope, setting);
        Ok(())
    }

    fn number(&self, partition: &Partition) -> u16 {
        let at = self.partitions.all().iter().position(|other| other.tag == partition.tag);
        u16::try_from(at.unwrap_or_default()).unwrap_or_default()
    }
}

fn fenced(answer: i64) -> Fenced {
    if answer == 1 { Fenced::Done } else { Fenced::Stale }
}

/// A store that is dropped without being closed stops living among the gateways: others take over what was its share.
impl Drop for RedisStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn enqueue(
        &self,
        request: ClaimId,
        sends: Vec<SendSpec>,
        wait: Wait,
    ) -> Result<Vec<Enqueued>, StoreError> {
        self.open_store()?.enqueue(request, sends, wait).await
    }

    async fn touch(&self, touch: Touch) -> Result<Touched, StoreError> {
        self.open_store()?.touch(&touch).await
    }

    async fn touch_all(&self, touches: Vec<Touch>) -> Vec<Result<Touched, StoreError>> {
        match self.open_store() {
            Ok(inner) => inner.touch_all(&touches).await,
            Err(closed) => touches.iter().map(|_| Err(closed.clone())).collect(),
        }
    }

    async fn away(&self, recipient: RecipientId) -> Result<(), StoreError> {
        let inner = self.open_store()?;
        let partition = inner.partitions.of(recipient);
        let mut call = inner.fcall(&functions().away, partition);
        call.arg(&recipient.0[..]);
        inner.call(Lane::Hot, partition, call).await.map(drop)
    }

    /// Late by [`turns::BEAT`] at most where another gateway set the timer.
    async fn due(&self) {
        tokio::select! {
            () = self.inner.turns.due() => {}
            () = self.stop.cancelled() => std::future::pending().await,
        }
    }

    async fn tick(&self, request: ClaimId, limit: usize) -> Result<Ticked, StoreError> {
        self.open_store()?.tick(request, limit).await
    }

    async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        self.open_store()?.renew(holds).await
    }

    async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        let inner = self.open_store()?;
        let partition = inner.partitions.of(hold.recipient);
        let mut call = inner.fcall(&functions().begin, partition);
        call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]);
        Ok(fenced(int(&inner.call(Lane::Hot, partition, call).await?)?))
    }

    async fn finish(&self, hold: Hold, finish: Finish) -> Result<Fenced, StoreError> {
        self.open_store()?.finish(hold, &finish).await
    }

    async fn cancel(&self, send: SendId, reason: &str) -> Result<Cancelled, StoreError> {
        self.open_store()?.cancel(send, reason).await
    }

    async fn settle(&self, brand: &Name, case: &str, reason: &str) -> Result<Settled, StoreError> {
        self.open_store()?.settle(brand, case, reason).await
    }

    async fn forget(&self, recipient: RecipientId) -> Result<Forgotten, StoreError> {
        self.open_store()?.forget(recipient).await
    }

    async fn consent(&self, consent: Consent) -> Result<(), StoreError> {
        self.open_store()?.consent(&consent).await
    }

    async fn set_flow(&self, scope: FlowScope, setting: FlowSetting) -> Result<(), StoreError> {
        self.open_store()?.set_flow(scope, setting).await
    }

    fn flows(&self) -> watch::Receiver<Arc<Flows>> {
        self.inner.turns.flows()
    }

    async fn send(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        self.open_store()?.record(id).await
    }

    async fn person(&self, recipient: RecipientId) -> Result<Person, StoreError> {
        self.open_store()?.person(recipient).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.open_store()?.snapshot().await
    }

    /// Never: Redis comes back by itself.
    async fn failed(&self) -> StoreError {
        std::future::pending().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        if self.inner.closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.announcer.close(LAST_WORDS).await;
        self.stop.cancel();
        drop(tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await);
        // Not worth failing for: a gateway that is not heard of any more is taken for dead soon.
        drop(self.inner.sign_off().await);
        Ok(())
    }
}
