//! The steps of a signal's way that ask no other machine, each alone, with what a gateway has at hand when it takes them.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;
use vigie::classify::{Classifier, Evidence};
use vigie::config::{self, Brand, Config, Dkim};
use vigie::intake::{Intake, Outlet};
use vigie::model::{
    Cause, Claim, ClaimId, Class, Grantee, HintKind, Hold, Judgement, Name, OnDeadline, OnUncertain, Origin,
    Presence, RecipientId, SendId, SendSpec, Signal, Source, Verdict,
};
use vigie::redact::{Mailbox, Secret};
use vigie::render::Renderer;
use vigie::telemetry::Registry;
use vigie::token::{Key, KeyRing, Kind, Purpose, Seal, Token};

/// All steps, in the order in which a signal takes them.
pub const NAMES: [&str; 6] = ["token", "verdict", "present", "queued", "letter", "letter_signed"];

/// What the mail client in question calls itself.
const AGENT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// The RSA key of this process, as PEM, where another one has made it: making one takes longer than all that is measured.
pub const DKIM_KEY: &str = "VIGIE_BENCH_DKIM_KEY";

/// An RSA key as PEM, of the size that `vigie key dkim` makes.
///
/// # Panics
/// If there are no random numbers.
pub fn fresh_key() -> String {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("random numbers").serialize_pem()
}

/// A step that can be taken again and again.
pub type Step = Box<dyn FnMut()>;

/// The step of this name, made ready.
///
/// # Panics
/// If there is none of this name, or the sample brand is not sound.
pub fn prepare(name: &str) -> Step {
    match name {
        "token" => token(),
        "verdict" => verdict(),
        "present" => present(),
        "queued" => queued(),
        "letter" => letter(Vec::new()),
        "letter_signed" => letter(vec![dkim()]),
        other => panic!("there is no step {other}"),
    }
}

/// Is this token ours, and whose?
fn token() -> Step {
    let (owner, ring) = keys();
    let token = Token {
        kind: Kind::Open,
        expires: Some(40_000),
        recipient: RecipientId([7; 16]),
        send: Some(SendId([9; 16])),
        purpose: Purpose::Presence,
        destination: String::new(),
    };
    let text = token.mint(&ring, &owner).expect("the ring has a key that signs");
    Box::new(move || {
        let read = Token::read(black_box(text.as_bytes()), &ring).expect("it is ours");
        black_box(read);
    })
}

/// Whom does this request show: a person, a proxy, a machine? Of an agent that was seen before.
fn verdict() -> Step {
    let config = sample();
    let classifier =
        Classifier::new(&config.classify, config.presence.scan_grace).expect("the rules are sound");
    let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(AGENT))]);
    let mut person = 0_u32;
    Box::new(move || {
        person += 1;
        let evidence = Evidence {
            source: Source::Open,
            method: &Method::GET,
            headers: &headers,
            client: Some(IpAddr::from(Ipv4Addr::from_bits(0x0500_0000 + person))),
            recipient: recipient(person),
            about: Some(SendId(recipient(person).0)),
            days: None,
            link: None,
            decoy: false,
            activated: false,
            presence: true,
        };
        black_box(classifier.judge(black_box(&evidence)));
    })
}

/// Was this said a moment ago? Yes.
fn present() -> Step {
    let (intake, outlets) = intake();
    intake.recorded(&signal(1), true);
    Box::new(move || {
        black_box((&outlets, intake.receive(black_box(signal(1)))));
    })
}

/// The same of somebody new, handed over and taken out at the other end.
fn queued() -> Step {
    let (intake, mut outlets) = intake();
    let mut person = 0;
    Box::new(move || {
        person += 1;
        black_box(intake.receive(black_box(signal(person))));
        black_box(outlets.iter_mut().find_map(Outlet::try_recv).expect("it was queued"));
    })
}

/// From a claim to the bytes of a tracked letter in two parts.
fn letter(dkim: Vec<Dkim>) -> Step {
    let (_, ring) = keys();
    let brand = Brand { dkim, ..sample().brands.remove(&demo()).expect("the sample brand") };
    let renderer = Renderer::new(&BTreeMap::from([(demo(), brand)]), ring).expect("the samples are sound");
    let claim = claim();
    Box::new(move || {
        black_box(renderer.render(black_box(&claim)).expect("it can be rendered"));
    })
}

fn claim() -> Claim {
    let send = SendId::derive(&demo(), "first-1");
    let vars = json!({"amount": "120.00 €", "due_date": "1 December 2026"});
    let spec = SendSpec {
        id: send,
        reference: "first-1".into(),
        brand: demo(),
        campaign: None,
        case: Some("A-1007".into()),
        recipient: recipient(1),
        to: Mailbox::new("marie@mail.example".into(), Some("Marie Curie".into())),
        template: "reminder".parse().expect("a name"),
        vars: vars.as_object().expect("an object").clone(),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: String::new(),
    };
    Claim {
        hold: Hold { send, claim: ClaimId([3; 16]), recipient: recipient(1) },
        spec: Arc::new(spec),
        facts: None,
        cause: Cause::Touch,
        attempt: 1,
        dated: Timestamp::from_second(1_790_000_000).expect("a moment"),
        tracked: true,
        overdue: false,
    }
}

fn dkim() -> Dkim {
    let key = std::env::var(DKIM_KEY).unwrap_or_else(|_| fresh_key());
    Dkim { selector: "vigie-rsa".into(), domain: String::new(), key_file: None, key: Some(Secret::new(key)) }
}

fn demo() -> Name {
    "demo".parse().expect("a name")
}

fn sample() -> Config {
    Config::load(&[], []).expect("the embedded configuration")
}

fn keys() -> (Grantee, Arc<KeyRing>) {
    let owner = Grantee::Brand(demo());
    let kinds = vec![Kind::Open, Kind::Click, Kind::Unsubscribe];
    let key = Key::new(1, owner.clone(), kinds, true, &[42; 32]).expect("a key");
    let ring = KeyRing::new(vec![key], vec![(demo(), Seal::new(&[42; 32]))]).expect("a ring");
    (owner, Arc::new(ring))
}

fn intake() -> (Intake, Vec<Outlet>) {
    let presence = config::Presence { refresh: Duration::from_hours(1), ..sample().presence };
    Intake::new(&config::Intake { capacity: 1024, shards: 1 }, &presence, &Registry::new())
}

fn recipient(person: u32) -> RecipientId {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&person.to_be_bytes());
    RecipientId(id)
}

fn signal(person: u32) -> Signal {
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
        recipient: recipient(person),
        source: Source::Open,
        origin: Origin::Trusted,
        about: None,
        judgement: Judgement::new(HintKind::Image, verdict),
        received: Instant::now(),
    }
}
