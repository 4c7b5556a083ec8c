//! From a token in a request to a signal at the intake: verified, judged, offered. All in memory.

mod destination;
mod payments;
mod sighting;

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use prometheus::IntCounter;

use super::beacon::Said;
use super::unsubscribe::Leaver;
use crate::brands::{Brands, Known};
use crate::classify::{Classifier, Evidence, UNMASKED};
use crate::clock::Clock;
use crate::intake::Intake;
use crate::model::{Class, ConsentRule, Grantee, Leaving, Origin, Signal, Source};
use crate::partners::{Partner, Partners, Refusal, Way};
use crate::telemetry::{Label, Metric, Registry};
use crate::token::{Identity, Key, Kind, Purpose, Refused, Token, day};
use destination::location;
pub use payments::{PaymentClick, Payments};
use sighting::Sighting;

const REFUSED: Metric = Metric {
    name: "vigie_tokens_refused_total",
    labels: &[
        Label::each("kind", "open, click, unsubscribe, …: the endpoint"),
        Label::of("reason", &["malformed", "unknown_key", "forged", "expired", "wrong_kind"]),
    ],
    meaning: "Tokens on the public listener that said nothing; clients see no difference",
    healthy: "a few: mails are cut, links are cut",
    alert: "unknown_key after a key was removed: mails with its tokens are still read. forged: somebody \
              tries",
};

/// What a request's head shows, as far as a tracker looks.
#[derive(Clone, Copy)]
pub(super) struct Visit<'request> {
    pub(super) method: &'request Method,
    pub(super) headers: &'request HeaderMap,
    /// From where, if that is known.
    pub(super) client: Option<IpAddr>,
    pub(super) received: Instant,
}

/// What a [`Tracker`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Verifies tokens, and knows each brand's consent rule; whoever is none, partners included, needs a recorded consent.
    pub brands: Brands,
    /// Knows whose hash it is that a partner sends.
    pub identity: Identity,
    /// Judges.
    pub classifier: Arc<Classifier>,
    /// Takes signals.
    pub intake: Arc<Intake>,
    /// Knows which partners are heard.
    pub partners: Arc<Partners>,
    /// What day it is.
    pub clock: Clock,
    /// Told of people who follow payment links.
    pub paying: Payments,
}

/// Turns visits with tokens into signals.
#[derive(Debug)]
pub struct Tracker {
    parts: Parts,
    /// Tells a mail's links apart, by numbers that nobody outside can foresee.
    links: RandomState,
    payments: payments::Counted,
    refused_opens: Refusals,
    refused_clicks: Refusals,
    refused_beacons: Refusals,
    refused_unsubscribes: Refusals,
}

impl Tracker {
    /// A tracker of these parts.
    pub fn new(parts: Parts, registry: &Registry) -> Self {
        let refused = registry.counter(REFUSED);
        let refusals =
            |kind| Refusals(Refused::ALL.map(|reason| refused.with_label_values(&[kind, reason.as_str()])));
        Self {
            payments: payments::Counted::new(parts.paying.clone(), registry),
            parts,
            links: RandomState::default(),
            refused_opens: refusals("open"),
            refused_clicks: refusals("click"),
            refused_beacons: refusals("beacon"),
            refused_unsubscribes: refusals("unsubscribe"),
        }
    }

    /// A pixel was asked for. What comes of it is nobody's business outside.
    pub(super) fn opened(&self, token: &str, visit: Visit<'_>) {
        let known = self.parts.brands.now();
        match self.verify(&known, token, &[Kind::Open, Kind::Partner]) {
            Ok((token, key)) => match key.owner() {
                Grantee::Partner(name) if token.kind == Kind::Partner => {
                    if let Some(partner) = self.parts.partners.named(name.as_str()) {
                        self.told(
                            partner,
                            Way::Signed,
                            Sighting::of(Source::Partner, &token, key.owner()),
                            visit,
                        );
                    }
                }
                owner => {
                    self.saw(&self.about(Sighting::of(Source::Open, &token, owner), &token), visit);
                }
            },
            Err(refused) => self.refused_opens.count(refused),
        }
    }

    /// A link was followed: where it leads, if its token is good.
    pub(super) fn clicked(&self, token: &str, visit: Visit<'_>) -> Option<HeaderValue> {
        let known = self.parts.brands.now();
        match self.verify(&known, token, &[Kind::Click]) {
            Ok((token, key)) => {
                let destination = location(&token.destination);
                if destination.is_some() {
                    let sighting = self.about(Sighting::of(Source::Click, &token, key.owner()), &token);
                    let link = Some(self.links.hash_one(&token.destination));
                    let decoy = token.purpose == Purpose::Decoy;
                    let class = self.saw(&Sighting { link, decoy, ..sighting }, visit);
                    if token.purpose == Purpose::Payment {
                        self.payments.followed(&token, key.owner(), class);
                    }
                } else {
                    self.refused_clicks.count(Refused::Malformed);
                }
                destination
            }
            Err(refused) => {
                self.refused_clicks.count(refused);
                None
            }
        }
    }

    /// A page says something about whoever looks at it.
    pub(super) fn heard(&self, token: &str, said: Said, visit: Visit<'_>) {
        let known = self.parts.brands.now();
        let (token, key) = match self.verify(&known, token, &[Kind::Beacon]) {
            Ok(verified) => verified,
            Err(refused) => return self.refused_beacons.count(refused),
        };
        let sighting = self.about(Sighting::of(Source::Beacon, &token, key.owner()), &token);
        match said {
            Said::Visible { activated } => {
                self.saw(&Sighting { activated, ..sighting }, visit);
            }
            Said::Hidden if sighting.presence => {
                self.parts.intake.gone(token.recipient, Leaving::Left);
            }
            Said::Hidden | Said::Nothing => {}
        }
    }

    /// Who unsubscribes with this token, if it is good.
    pub(super) fn leaver(&self, token: &str) -> Option<Leaver> {
        let known = self.parts.brands.now();
        match self.verify(&known, token, &[Kind::Unsubscribe]) {
            Ok((token, key)) => Some(Leaver { recipient: token.recipient, grantee: key.owner().clone() }),
            Err(refused) => {
                self.refused_unsubscribes.count(refused);
                None
            }
        }
    }

    /// A partner's pixel without a token was asked for: `<partner>/<hash>[.gif]`. It costs an HMAC whoever the partner and
    /// whatever the hash.
    pub(super) fn hashed(&self, rest: &str, visit: Visit<'_>) {
        let (name, hash) = rest.split_once('/').unwrap_or((rest, ""));
        let hash = hash.strip_suffix(".gif").unwrap_or(hash);
        let recipient = self.parts.identity.of_anything(hash.as_bytes());
        let Some(partner) = self.parts.partners.named(name) else { return };
        match recipient {
            Some(recipient) => {
                let owner = Grantee::Partner(partner.name().clone());
                self.told(partner, Way::Hashed, Sighting::of_somebody(recipient, &owner), visit);
            }
            None => partner.refuse(Refusal::Malformed),
        }
    }

    /// A partner reports somebody.
    fn told(&self, partner: &Partner, way: Way, sighting: Sighting<'_>, visit: Visit<'_>) {
        if self.parts.partners.take(partner, way) {
            let presence = sighting.presence && partner.tells_presence();
            partner.judged(self.saw(&Sighting { presence, ..sighting }, visit));
        }
    }

    /// What a token says about a letter's age.
    fn about<'token>(&self, sighting: Sighting<'token>, token: &Token) -> Sighting<'token> {
        Sighting { days: token.days_old(day(self.parts.clock.now())), ..sighting }
    }

    fn verify<'k>(&self, known: &'k Known, token: &str, kinds: &[Kind]) -> Result<(Token, &'k Key), Refused> {
        Token::verify_any(token.as_bytes(), kinds, day(self.parts.clock.now()), &known.ring)
    }

    /// Judges what was seen and offers it to the intake; what it was in the end.
    fn saw(&self, sighting: &Sighting<'_>, visit: Visit<'_>) -> Class {
        let Parts { classifier, intake, .. } = &self.parts;
        let judged = classifier.judge(&Evidence {
            source: sighting.source,
            method: visit.method,
            headers: visit.headers,
            client: visit.client,
            recipient: sighting.recipient,
            about: sighting.send,
            days: sighting.days,
            link: sighting.link,
            decoy: sighting.decoy,
            activated: sighting.activated,
            presence: sighting.presence,
        });
        for who in judged.unmasked {
            intake.gone(who, Leaving::Unmasked(UNMASKED));
        }
        let mut judgement = judged.judgement;
        if !sighting.presence {
            judgement = judgement.for_statistics();
        }
        intake.receive(Signal {
            recipient: sighting.recipient,
            source: sighting.source,
            origin: self.origin(sighting.owner),
            about: sighting.send,
            judgement,
            received: visit.received,
        });
        judgement.settled().class
    }

    fn origin(&self, owner: &Grantee) -> Origin {
        let rule = match owner {
            Grantee::Brand(name) => self.parts.brands.consent(name),
            Grantee::Partner(_) => ConsentRule::Required,
        };
        Origin::Tracked { grantee: owner.clone(), rule }
    }
}

/// `vigie_tokens_refused_total` of one endpoint, by reason.
#[derive(Debug)]
struct Refusals([IntCounter; Refused::ALL.len()]);

impl Refusals {
    fn count(&self, reason: Refused) {
        self.0[reason as usize].inc();
    }
}
