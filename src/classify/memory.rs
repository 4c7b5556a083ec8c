//! What was seen lately, as far as it says something about the next signal.
//!
//! Each gateway remembers what came by itself: bursts and decoys show within seconds on one connection, and the rest only
//! makes a verdict a little surer or less sure. People, addresses and mails are hashes with a seed that this process
//! chose; all of it together is bounded by `classify.remember`.

mod kept;
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
use crate::model::{Class, RecipientId, SendId, Source};
use kept::{Address, Domain, ENOUGH_MAILS, MANY_MAILS, Mail, Person, SHARED_BY, SHARED_WITHIN};
use table::Table;

/// Somebody at work in their mailbox or on a page makes their next signals surer for so long.
const AT_WORK: Duration = Duration::from_mins(5);

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
        let mut unmasked = Vec::new();
        let address = evidence.client.filter(|_| facts.network.is_some());
        if facts.source == Source::Beacon {
            lately.condemned = address.is_some_and(|address| self.is_condemned(address));
            return (lately, unmasked);
        }
        let found_out = self.of_mail(evidence, facts, &mut lately);
        if let Some(address) = address {
            self.of_address(address, evidence.recipient, facts, &mut lately, &mut unmasked);
        }
        if (facts.decoy || found_out) && !unmasked.contains(&evidence.recipient) {
            unmasked.push(evidence.recipient);
        }
        (lately, unmasked)
    }

    /// Somebody was seen here: what comes from here next is theirs.
    pub(super) fn seen(&self, evidence: &Evidence<'_>, facts: &Facts) {
        let network = self.network(facts);
        if let (Some(network), Some(mail)) = (network, evidence.about) {
            let now = self.now();
            self.mails.with(self.hash((evidence.recipient, mail)), |mail| mail.networks.add(network, now));
        }
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

    /// This mail to this person was opened sooner than people do; counted once.
    pub(super) fn opened_early(&self, recipient: RecipientId, mail: SendId) {
        let again =
            self.mails.with(self.hash((recipient, mail)), |mail| std::mem::replace(&mut mail.early, true));
        if again {
            return;
        }
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

    /// What is known of the mail, this signal included; whether it is this one that shows a scanner.
    fn of_mail(&self, evidence: &Evidence<'_>, facts: &Facts, lately: &mut Lately) -> bool {
        let Some(mail) = evidence.about else { return false };
        let network = self.network(facts);
        let (now, settings, mut found_out) = (self.now(), &self.settings, false);
        self.mails.with(self.hash((evidence.recipient, mail)), |mail| {
            if facts.decoy {
                mail.condemned = now;
            }
            lately.condemned |= self.within(mail.condemned, settings.quarantine);
            if let Some(link) = evidence.link {
                let since = self.since(settings.burst_within);
                let before = mail.links.since(since).count();
                mail.links.add(link, now);
                lately.burst = mail.links.since(since).count() >= settings.burst_links;
                found_out = lately.burst && before < settings.burst_links;
            }
            if let Some(network) = network {
                let others = mail.networks.since(self.since(SHARED_WITHIN)).filter(|other| *other != network);
                lately.shared = others.count() + 1 >= SHARED_BY;
            }
        });
        found_out
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
            let since = self.since(settings.fanout_within);
            let known = address.people.since(since).any(|known| known == recipient.0);
            let before = address.people.since(since).count();
            address.people.add(recipient.0, now);
            lately.fanout = address.people.since(since).count() >= settings.fanout_people;
            if facts.decoy || lately.fanout && before < settings.fanout_people {
                unmasked.extend(address.people.since(since).map(RecipientId));
            } else if lately.fanout && !known {
                unmasked.push(recipient);
            }
        });
    }

    fn is_condemned(&self, address: IpAddr) -> bool {
        self.addresses
            .with(self.hash(address), |address| self.within(address.condemned, self.settings.quarantine))
    }

    /// The network that somebody uses; a provider's proxy is nobody's.
    fn network(&self, facts: &Facts) -> Option<u32> {
        let hash = self.hash(facts.nearby.filter(|_| !is_proxy(facts))?);
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
    let named = facts.agent.class == Class::Proxy || facts.agent.kind == Kind::ApplePrivacy;
    // A name can be borrowed: from rented machines and mail filters it buys nothing.
    let borrowed = facts.network.is_some_and(|tag| tag.operator == Operator::Hosting || tag.is_gateway());
    named && !borrowed || operator.is_some_and(|operator| shared.contains(&operator))
}
