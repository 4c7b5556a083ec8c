//! What was seen lately, as far as it says something about the next signal.
//!
//! Each gateway remembers what came by itself: bursts and decoys show within seconds on one connection, and the rest only
//! makes a verdict a little surer or less sure. People, addresses and mails are hashes with a seed that this process
//! chose; all of it together is bounded by `classify.remember`.

mod last;
mod table;

use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::Evidence;
use super::agents::Kind;
use super::facts::Facts;
use super::networks::Operator;
use crate::config::Classify;
use crate::model::{Class, RecipientId, Source};
use last::Last;
use table::Table;

/// Somebody at work in their mailbox or on a page makes their next signals surer for so long.
const AT_WORK: Duration = Duration::from_mins(5);

/// A mail shown in so many networks within [`SHARED_WITHIN`] was passed on.
const SHARED_BY: usize = 3;

/// See [`SHARED_BY`].
const SHARED_WITHIN: Duration = Duration::from_hours(24);

/// Mails to a domain before it is said to be under a scanner.
const ENOUGH_MAILS: u32 = 20;

/// Mails to a domain after which the counts are halved, so that old days are forgotten.
const MANY_MAILS: u32 = 1000;

/// Domains that are remembered.
const DOMAINS: u64 = 4096;

/// What is known beside a signal itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lately {
    /// Its address or its mail was condemned by a decoy.
    pub(super) condemned: bool,
    /// Too many links of its mail were followed in a moment.
    pub(super) burst: bool,
    /// Too many people were seen from its address in a moment.
    pub(super) fanout: bool,
    /// This person has been seen in this network before.
    pub(super) usual: bool,
    /// They have been seen, but in other networks.
    pub(super) strange: bool,
    /// They were just seen at work.
    pub(super) at_work: bool,
    /// They have shown a mail before.
    pub(super) opened: bool,
    /// Their domain is under a scanner.
    pub(super) scanned_domain: bool,
    /// The mail was shown in several unrelated networks.
    pub(super) shared: bool,
}

/// When something was, in milliseconds since the gateway started, plus one; zero is never.
type Moment = u64;

/// A person.
#[derive(Debug, Default)]
struct Person {
    /// Networks they were seen in, the newest first; zero is none.
    networks: [u32; 4],
    at_work: Moment,
    opened: bool,
    domain: u64,
}

/// A mail.
#[derive(Debug, Default)]
struct Mail {
    condemned: Moment,
    /// The links that were followed last.
    links: Last<u64, 8>,
    /// The networks it was shown in last.
    networks: Last<u32, SHARED_BY>,
}

/// An address.
#[derive(Debug, Default)]
struct Address {
    condemned: Moment,
    /// The people who were seen from it last.
    people: Last<[u8; 16], 8>,
}

/// A domain.
#[derive(Debug, Default)]
struct Domain {
    mails: u32,
    opened_early: u32,
}

/// The memory of one gateway.
#[derive(Debug)]
pub(super) struct Memory {
    hasher: RandomState,
    started: Instant,
    people: Table<Person>,
    mails: Table<Mail>,
    addresses: Table<Address>,
    domains: Table<Domain>,
    settings: Classify,
}

impl Memory {
    pub(super) fn new(settings: &Classify) -> Self {
        let room = settings.remember;
        Self {
            hasher: RandomState::default(),
            started: Instant::now(),
            people: Table::new(room),
            mails: Table::new(room),
            addresses: Table::new(room),
            domains: Table::new(DOMAINS.min(room)),
            settings: settings.clone(),
        }
    }

    /// What is known beside this signal, and whose presence it unmasks. Remembers the signal.
    pub(super) fn recall(&self, evidence: &Evidence<'_>, facts: &Facts) -> (Lately, Vec<RecipientId>) {
        let mut lately = self.of_person(evidence, facts);
        let (mut unmasked, machine) = (Vec::new(), facts.decoy);
        if facts.source == Source::Beacon {
            return (lately, unmasked);
        }
        self.of_mail(evidence, facts, &mut lately);
        if let Some(address) = evidence.client.filter(|_| facts.network.is_some()) {
            self.of_address(address, evidence.recipient, facts, &mut lately, &mut unmasked);
        }
        if (machine || lately.burst) && !unmasked.contains(&evidence.recipient) {
            unmasked.push(evidence.recipient);
        }
        (lately, unmasked)
    }

    /// Somebody was seen here: what comes from here next is theirs.
    pub(super) fn seen(&self, evidence: &Evidence<'_>, facts: &Facts) {
        let network = self.network(facts);
        self.people.with(self.hash(evidence.recipient), |person| {
            person.opened |= facts.is_image();
            if facts.source == Source::Beacon {
                person.at_work = self.now();
            }
            if let Some(network) = network.filter(|network| !person.networks.contains(network)) {
                person.networks.rotate_right(1);
                person.networks[0] = network;
            }
        });
    }

    /// Somebody was at work in their mailbox.
    pub(super) fn at_work(&self, recipient: RecipientId) {
        self.people.with(self.hash(recipient), |person| person.at_work = self.now());
    }

    /// A mail went to this person, at this domain.
    pub(super) fn delivered(&self, recipient: RecipientId, domain: &str) {
        let domain = self.hash(domain) | 1;
        self.people.with(self.hash(recipient), |person| person.domain = domain);
        self.domains.with(domain, |domain| {
            domain.mails += 1;
            if domain.mails > MANY_MAILS {
                domain.mails /= 2;
                domain.opened_early /= 2;
            }
        });
    }

    /// A mail to this person was opened sooner than people do.
    pub(super) fn opened_early(&self, recipient: RecipientId) {
        let domain = self.people.with(self.hash(recipient), |person| person.domain);
        if domain != 0 {
            self.domains.with(domain, |domain| domain.opened_early += 1);
        }
    }

    fn of_person(&self, evidence: &Evidence<'_>, facts: &Facts) -> Lately {
        let network = self.network(facts);
        let (mut lately, domain) = self.people.with(self.hash(evidence.recipient), |person| {
            let usual = network.is_some_and(|network| person.networks.contains(&network));
            let lately = Lately {
                usual,
                strange: network.is_some() && !usual && person.networks[0] != 0,
                at_work: self.within(person.at_work, AT_WORK),
                opened: person.opened,
                ..Lately::default()
            };
            (lately, person.domain)
        });
        lately.scanned_domain = domain != 0 && self.domains.with(domain, |domain| self.is_scanned(domain));
        lately
    }

    #[expect(clippy::cast_precision_loss, reason = "counts below a thousand")]
    fn is_scanned(&self, domain: &Domain) -> bool {
        let share = domain.opened_early as f32 / domain.mails.max(1) as f32;
        domain.mails >= ENOUGH_MAILS && share >= self.settings.domain_scan_ratio
    }

    /// What is known of the mail, this signal included.
    fn of_mail(&self, evidence: &Evidence<'_>, facts: &Facts, lately: &mut Lately) {
        let Some(mail) = evidence.about else { return };
        let network = self.network(facts).filter(|_| !is_proxy(facts));
        let (now, settings) = (self.now(), &self.settings);
        self.mails.with(self.hash((evidence.recipient, mail)), |mail| {
            if facts.decoy {
                mail.condemned = now;
            }
            lately.condemned |= self.within(mail.condemned, settings.quarantine);
            if let Some(link) = evidence.link {
                mail.links.add(link, now);
                let since = self.since(settings.burst_within);
                lately.burst = mail.links.since(since).count() >= settings.burst_links;
            }
            if let Some(network) = network {
                mail.networks.add(network, now);
                let since = self.since(SHARED_WITHIN);
                lately.shared = mail.networks.since(since).count() >= SHARED_BY;
            }
        });
    }

    /// What is known of the address, this signal included. Providers' proxies are the address of everybody.
    fn of_address(
        &self,
        address: IpAddr,
        recipient: RecipientId,
        facts: &Facts,
        lately: &mut Lately,
        unmasked: &mut Vec<RecipientId>,
    ) {
        if is_proxy(facts) {
            return;
        }
        let (now, settings) = (self.now(), &self.settings);
        self.addresses.with(self.hash(address), |address| {
            if facts.decoy {
                address.condemned = now;
            }
            lately.condemned |= self.within(address.condemned, settings.quarantine);
            address.people.add(recipient.0, now);
            let since = self.since(settings.fanout_within);
            lately.fanout = address.people.since(since).count() >= settings.fanout_people;
            if lately.fanout || facts.decoy {
                unmasked.extend(address.people.since(since).map(RecipientId));
            }
        });
    }

    /// The network and the sort of client that somebody uses.
    fn network(&self, facts: &Facts) -> Option<u32> {
        let nearby = facts.nearby?;
        let hash = self.hash((nearby, facts.agent.kind as u8));
        Some(u32::try_from(hash >> 32).unwrap_or_default() | 1)
    }

    fn hash(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn now(&self) -> Moment {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn since(&self, span: Duration) -> Moment {
        self.now().saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    fn within(&self, moment: Moment, span: Duration) -> bool {
        moment != 0 && moment > self.since(span)
    }
}

/// Whether somebody fetches for everybody from there.
fn is_proxy(facts: &Facts) -> bool {
    let operator = facts.network.map(|tag| tag.operator);
    let shared = [Operator::Google, Operator::AppleRelay, Operator::Microsoft, Operator::Yahoo];
    facts.agent.class == Class::Proxy
        || facts.agent.kind == Kind::ApplePrivacy
        || operator.is_some_and(|operator| shared.contains(&operator))
}
