//! One edge, as the product runs it, with a token of a recipient whose presence was just recorded.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use vigie::brands::Brands;
use vigie::classify::Classifier;
use vigie::clock::Clock;
use vigie::config;
use vigie::edge::{self, Edge, Parts, Tracker, Unsubscriber};
use vigie::flow::Gate;
use vigie::intake::Intake;
use vigie::model::{
    Class, Grantee, HintKind, Judgement, Origin, Presence, RecipientId, Signal, Source, Verdict,
};
use vigie::partners::Partners;
use vigie::telemetry::Registry;
use vigie::token::{Identity, Key, KeyRing, Kind, Purpose, Token, day};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Threads of the edge.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// The recipient who is online.
const RECIPIENT: RecipientId = RecipientId([7; 16]);

/// The signal that was seen before the measurement begins.
fn already_online() -> Signal {
    let verdict = Verdict {
        class: Class::Human,
        confidence: 1.0,
        reason: "measurement",
        open: true,
        presence: Presence::Yes,
        fires: true,
        hint: 0,
    };
    Signal {
        recipient: RECIPIENT,
        source: Source::Open,
        origin: Origin::Trusted,
        about: None,
        judgement: Judgement::new(HintKind::Image, verdict),
        received: Instant::now(),
    }
}

/// The rules that ship with vigie.
fn classifier() -> io::Result<Classifier> {
    let config = config::Config::load(&[], []).map_err(io::Error::other)?;
    Classifier::new(&config.classify, config.presence.scan_grace).map_err(io::Error::other)
}

/// Prints the pixel's URL, then serves until killed.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let registry = Registry::new();
    let (intake, _outlets) = Intake::new(&intake_config(), &presence_config(), &registry);
    intake.recorded(&already_online(), true);
    let brand: vigie::model::Name = "demo".parse().map_err(io::Error::other)?;
    let owner = Grantee::Brand(brand);
    let key = Key::new(1, owner.clone(), vec![Kind::Open], true, &[42; 32]).map_err(io::Error::other)?;
    let ring = KeyRing::new(vec![key], vec![]).map_err(io::Error::other)?;
    let clock = Clock::system();
    let token = Token {
        kind: Kind::Open,
        expires: Some(day(clock.now()) + 30),
        recipient: RECIPIENT,
        send: None,
        purpose: Purpose::Presence,
        destination: String::new(),
    };
    let token = token.mint(&ring, &owner).map_err(io::Error::other)?;
    // The sample brand presumes consent.
    let sample = config::Config::load(&[], []).map_err(io::Error::other)?.brands;
    let brands = Brands::new(sample, Arc::new(ring));
    let classifier = Arc::new(classifier()?);
    let (_flows, flows) = tokio::sync::watch::channel(Arc::default());
    let partners = Partners::new(
        &BTreeMap::new(),
        Gate::new(flows, Brands::default(), clock.clone()),
        clock.clone(),
        &registry,
    );
    let (unsubscriber, _recorder) = Unsubscriber::new(brands.clone(), clock.clone(), &registry);
    let parts = Parts {
        brands,
        identity: Identity::new(&[42; 32]),
        classifier,
        intake: Arc::new(intake),
        partners: Arc::new(partners),
        paying: edge::Payments::default(),
        clock,
    };
    let tracker = Tracker::new(parts, &registry);
    let edge = Edge::bind(&edge_config(arguments.threads), tracker, unsubscriber, &registry)?;
    announce(&format!("http://{}/o/{token}.gif", edge.local_addr()));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(edge.run(CancellationToken::new()))
}

#[expect(clippy::print_stdout, reason = "the parent reads the URL there")]
fn announce(url: &str) {
    println!("{url}");
}

fn edge_config(threads: usize) -> config::Edge {
    config::Edge {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        threads,
        max_connections: 10_000,
        max_connections_per_address: 10_000,
        header_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(15),
        max_target: 2048,
        max_head: 16 * 1024,
        origins: Vec::new(),
        trusted_proxies: Vec::new(),
        client_ip_header: "X-Forwarded-For".to_owned(),
        proxy_protocol: config::ProxyProtocol::Off,
    }
}

fn intake_config() -> config::Intake {
    config::Intake { capacity: 65_536, shards: 4 }
}

/// Presence that outlasts the measurement, so that every request takes the way of a recipient already online.
fn presence_config() -> config::Presence {
    config::Presence {
        window: Duration::from_hours(4),
        refresh: Duration::from_hours(1),
        recent_capacity: 100_000,
        min_gap: Duration::from_hours(4),
        scan_grace: Duration::from_secs(30),
        landed_within: Duration::from_mins(3),
        history: true,
        max_online: 100_000,
    }
}
