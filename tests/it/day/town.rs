//! Where the day takes place: the servers, two gateways, the brands' folders, and how people are seen.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use hyper::{Method, StatusCode};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use vigie::clock::Clock;

use super::cast::{Brand, GONE, GREYLISTED, Person};
use crate::events::house::SECRET;
use crate::events::receiver::Receiver;
use crate::support::gateway::Gateway;
use crate::support::ports::free_ports;
use crate::support::postfix::Postfix;
use crate::support::prometheus::Prometheus;
use crate::support::redis::{Options, RedisServer};
use crate::support::sink::{Act, Event, Manner, Sink, Step};
use crate::support::wait::{SOON, wait_until};

/// The configuration of both gateways.
const CONFIGURATION: &str = include_str!("vigie.toml");

/// The brands' own files.
const BRANDS: [&str; 2] = [include_str!("brands/azur.toml"), include_str!("brands/boreal.toml")];

/// Visits at the same time.
const VISITORS: usize = 8;

/// Servers and gateways; the gateways end first.
pub struct Town {
    pub gateways: [Gateway; 2],
    pub postfix: Postfix,
    /// The zone in which it is night: the other brand hours' people sleep there.
    pub night: &'static str,
    pub home: TempDir,
    /// Scrapes both gateways.
    pub prometheus: Prometheus,
    /// Hears of every event.
    _crm: Receiver,
    _redis: RedisServer,
    _provider: Sink,
}

impl Town {
    pub async fn open(people: &[Person]) -> Town {
        let (redis, postfix, provider) =
            (RedisServer::start(Options::default()).await, postfix().await, provider().await);
        let lmtp = format!("127.0.0.1:{}", free_ports(1)[0]);
        postfix.route(&routes(people, &provider, &lmtp));
        let home = tempfile::Builder::new().prefix("vigie-day-").tempdir().expect("a temporary directory");
        let path = home.path().to_str().expect("TMPDIR has a readable name");
        let (day, night) = zones();
        fs::write(home.path().join("crm.secret"), SECRET).expect("the directory is ours");
        let (crm, relay) = (Receiver::start().await, format!("smtp://{}?tls=none", postfix.addr()));
        let events = format!("http://localhost:{}/events", crm.address.port());
        found_brands(path, day, &events);
        let text = CONFIGURATION.replace("@STORE@", &redis.url()).replace("@RELAY@", &relay);
        let file = home.path().join("vigie.toml");
        fs::write(&file, text.replace("@HOME@", path)).expect("the directory is ours");
        let one = Gateway::configured(&file, &[("VIGIE__BOUNCES__LMTP", &lmtp)]).await;
        let other = one.beside(&[]).await;
        let prometheus = Prometheus::start().await;
        prometheus.scrapes(&[one.ops(), other.ops()]);
        Town {
            gateways: [one, other],
            postfix,
            night,
            home,
            prometheus,
            _crm: crm,
            _redis: redis,
            _provider: provider,
        }
    }

    /// The folder into which a brand's feeds are dropped.
    pub fn feeds(&self, brand: Brand) -> PathBuf {
        self.home.path().join("feeds").join(brand.name())
    }

    /// Whom operators and producers talk to, where it does not matter.
    pub fn gateway(&self) -> &Gateway {
        &self.gateways[0]
    }

    /// A request that must be taken; its answer.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.gateway().call(method, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json()
    }

    /// Sends of a brand in a state, as the store counts them.
    pub fn sends(&self, brand: Brand, state: &str) -> u64 {
        let state = format!("state=\"{state}\"");
        self.gateway().metrics().count("vigie_sends", &[&brand.label(), &state])
    }

    /// Cases of a brand in a state, as the store counts them.
    pub fn cases(&self, brand: Brand, state: &str) -> u64 {
        let state = format!("state=\"{state}\"");
        self.gateway().metrics().count("vigie_cases", &[&brand.label(), &state])
    }

    /// Waits until so many mails of both brands were taken by the relay, and not more.
    pub async fn are_sent(&self, mails: usize) {
        let sent = || usize::try_from(Brand::BOTH.map(|brand| self.sends(brand, "sent")).iter().sum::<u64>());
        let sent = || sent().expect("some hundred");
        let what = format!("{mails} mails are sent");
        wait_until(&what, SOON * 2, async || (sent() >= mails).then_some(())).await;
        assert_eq!(sent(), mails, "{what}, and not more");
    }

    /// The conservation law, as each gateway sees it.
    pub fn books_balance(&self) {
        for metrics in self.gateways.iter().map(Gateway::metrics) {
            for brand in Brand::BOTH {
                assert!(metrics.text.contains(&format!("vigie_conservation_gap{{{}}} 0", brand.label())));
            }
            assert!(metrics.gaps().is_empty(), "{:?}", metrics.gaps());
        }
    }

    /// These people open an older mail: their mail clients fetch its pixel, from one gateway or the other.
    pub async fn open_older_mails(&self, people: &[&Person]) {
        let pixels = self.pixels(people).await;
        let mut visits = JoinSet::new();
        for (n, pixel) in pixels.into_iter().enumerate() {
            if visits.len() >= VISITORS {
                visits.join_next().await;
            }
            let edge = self.gateways[n % 2].knocker();
            visits.spawn(async move { edge.open(&pixel).await });
        }
        for visit in visits.join_all().await {
            assert_eq!(visit.expect("the edge answers").status, StatusCode::OK);
        }
    }

    /// The paths of pixels in older mails to these people.
    pub async fn pixels(&self, people: &[&Person]) -> Vec<String> {
        let wanted = |person: &&Person| {
            let brand = person.cases[0].brand.name();
            json!({"brand": brand, "email": person.email, "kind": "open"}).to_string() + "\n"
        };
        let minted = self.lines("/v1/tokens", people.iter().map(wanted).collect()).await;
        minted.iter().map(|minted| format!("/o/{}.gif", minted["token"].as_str().expect("a token"))).collect()
    }

    /// A portal says that these people are there.
    pub async fn log_in(&self, people: &[&Person]) {
        let said = |person: &&Person| {
            json!({"email": person.email, "kind": "active", "source": "portal"}).to_string() + "\n"
        };
        for answer in self.lines("/v1/signals", people.iter().map(said).collect()).await {
            assert_eq!(answer["status"], StatusCode::ACCEPTED.as_u16(), "{answer}");
        }
    }

    /// Waits until all of these people are seen to be online.
    pub async fn are_seen(&self, people: &[&Person]) {
        for person in people {
            wait_until("somebody is online", SOON, async || {
                let whom = json!({"email": person.email});
                let found = self.ask(Method::POST, "/v1/recipients/lookup", &whom).await;
                (found["online"] == true).then_some(())
            })
            .await;
        }
    }

    async fn lines(&self, path: &str, body: String) -> Vec<Value> {
        let answer = self.gateway().try_call(Method::POST, path, "application/x-ndjson", body).await;
        answer.expect("the API answers").lines()
    }
}

/// The brands' folders below `home`.
fn found_brands(home: &str, day: &str, events: &str) {
    for (brand, text) in Brand::BOTH.into_iter().zip(BRANDS) {
        let folder = PathBuf::from(home).join("brands").join(brand.name());
        fs::create_dir_all(&folder).expect("the directory is ours");
        let places =
            [("@ROOT@", env!("CARGO_MANIFEST_DIR")), ("@DAY@", day), ("@HOME@", home), ("@CRM@", events)];
        let text = places.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value));
        fs::write(folder.join("brand.toml"), text).expect("the directory is ours");
    }
}

/// A relay that greylists.
async fn postfix() -> Postfix {
    let mut known = HashSet::new();
    Postfix::asking(move |recipient| {
        if recipient.starts_with(GREYLISTED) && known.insert(recipient.to_owned()) {
            "451 4.7.1 Greylisted, please come back".into()
        } else {
            "DUNNO".into()
        }
    })
    .await
}

/// A provider behind the relay, at which nobody has a mailbox any more.
async fn provider() -> Sink {
    let refuse = |event: &Event| match event.step {
        Step::Rcpt => Act::say("550 5.1.1 no such user here"),
        _ => Act::Usual,
    };
    Manner::modern().script(refuse).start().await
}

/// Where the relay brings what it does not keep: mails to that provider, and reports to vigie.
fn routes(people: &[Person], provider: &Sink, lmtp: &str) -> String {
    let port = provider.addr().port();
    let gone = people.iter().filter(|person| person.email.starts_with(GONE));
    let gone = gone.map(|person| format!("{} smtp:[127.0.0.1]:{port}\n", person.email));
    let reports = Brand::BOTH.map(|brand| format!("bounces@{}.example lmtp:inet:{lmtp}\n", brand.name()));
    gone.chain(reports).collect()
}

/// A zone where it is day for some hours yet, and one where it is night.
fn zones() -> (&'static str, &'static str) {
    const AROUND_THE_WORLD: [&str; 8] = [
        "Pacific/Honolulu",
        "America/Denver",
        "America/Sao_Paulo",
        "Europe/Paris",
        "Asia/Dubai",
        "Asia/Singapore",
        "Australia/Brisbane",
        "Pacific/Auckland",
    ];
    let now = Clock::system().now();
    let hour = |name: &&&str| now.to_zoned(TimeZone::get(name).expect("it exists")).hour();
    let day = AROUND_THE_WORLD.iter().find(|name| (7..17).contains(&hour(name)));
    let night = AROUND_THE_WORLD.iter().find(|name| !(5..18).contains(&hour(name)));
    (day.expect("the sun shines somewhere"), night.expect("and somewhere not"))
}
