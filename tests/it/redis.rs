//! What goes wrong with a shared store, on real servers: gateways that die, a Redis that is killed, stopped, emptied or
//! full, a cluster that fails over or moves its slots, keys that somebody else wrote.
//!
//! Whatever happens, no acknowledged send is lost and none goes out twice; pixels are answered all the time; and what
//! was interrupted goes on by itself. Where it matters what a process does, the gateways are real ones.

mod cluster;
mod crowd;
mod damage;
mod earlier;
mod emptied;
mod gateways;
mod hostile;
mod journey;
mod leases;
mod load;
mod memory;
mod outages;
mod partners;
mod shooting;
mod unsubscribing;

use std::sync::Arc;
use std::time::Duration;

use vigie::clock::Clock;
use vigie::config::StoreUrl;
use vigie::model::{ClaimId, Finish, Worth};
use vigie::model::{Name, OnDeadline, OnUncertain, Origin, RecipientId, SendId, SendSpec, Source};
use vigie::redact::Mailbox;
use vigie::store::redis::{Options, RedisStore};
use vigie::store::{Rules, Touch};

use crate::support::presumed::presumed;
use crate::support::redis::RedisServer;
use crate::support::wait::{SOON, wait_until};

/// The shortest lease that the configuration allows.
const LEASE: Duration = Duration::from_secs(3);

/// The same, as a setting.
const SHORT_LEASE: (&str, &str) = ("VIGIE__DISPATCH__LEASE", "3s");

/// Enough to see what happened.
const INFO: (&str, &str) = ("VIGIE__LOG__FILTER", "info");

/// Opens a store as a gateway would.
pub(crate) async fn open(url: &str, rules: Rules, replicas: u16) -> Arc<RedisStore> {
    let Ok(StoreUrl::Redis(url)) = StoreUrl::parse(url) else { panic!("{url} is no Redis URL") };
    let options = Options {
        replicas,
        replicas_within: Duration::from_secs(1),
        accept_losing_sends: false,
        identity: Some([1; 8]),
    };
    Arc::new(RedisStore::open(&url, options, rules, Clock::system()).await.expect("the store opens"))
}

/// Rules under which nothing but the window and the lease plays a part.
pub(crate) fn rules() -> Rules {
    Rules {
        window: Duration::from_mins(3),
        min_gap: Duration::ZERO,
        lease: Duration::from_secs(30),
        claims_per_touch: 4,
        max_attempts: 3,
        max_waiting: 1_000_000,
        max_online: 1_000_000,
        keep_finished: Duration::from_hours(24),
        brands: presumed(),
        ..Rules::default()
    }
}

fn brand() -> Name {
    "demo".parse().expect("a name")
}

/// A send that is due at once.
fn send(id: SendId, recipient: RecipientId) -> SendSpec {
    SendSpec {
        id,
        reference: const_hex::encode(id.0),
        brand: brand(),
        campaign: None,
        case: None,
        recipient,
        to: Mailbox::new("marie@example.org".into(), None),
        template: "reminder".parse().expect("a name"),
        vars: serde_json::Map::new(),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: const_hex::encode(id.0),
    }
}

/// A trusted signal.
fn signal(recipient: RecipientId) -> Touch {
    Touch {
        request: ClaimId::random(),
        recipient,
        source: Source::Portal,
        origin: Origin::Trusted,
        about: None,
        worth: Worth::PRESENCE,
    }
}

/// Waits until a server has run for longer than a lease: right after a start, when nobody could renew, none is taken
/// back.
async fn long_up(redis: &RedisServer) {
    wait_until("it has run for longer than a lease", SOON, async || {
        let info = redis.text(&["INFO", "server"]).await;
        let up = info.lines().find_map(|line| line.strip_prefix("uptime_in_seconds:"));
        (up.and_then(|up| up.trim().parse::<u64>().ok()) > Some(LEASE.as_secs() + 1)).then_some(())
    })
    .await;
}

/// The relay's yes.
fn accepted() -> Finish {
    Finish::Accepted { reply: "250 2.0.0 queued".into(), provider: None }
}

/// Sixteen bytes that lie in this partition of 256 and are told apart by a number.
fn id_in(partition: u8, number: u32) -> [u8; 16] {
    let mut id = [0; 16];
    id[1] = partition;
    id[2..6].copy_from_slice(&number.to_be_bytes());
    id
}
