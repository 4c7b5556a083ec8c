//! From a token in a request to a signal at the intake: verified, judged, offered. All in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use prometheus::IntCounter;
use url::Url;

use crate::classify::{Classifier, Evidence, UNMASKED};
use crate::clock::Clock;
use crate::intake::Intake;
use crate::model::{ConsentRule, Grantee, Leaving, Name, Origin, Signal, Source};
use crate::telemetry::{Metric, Registry};
use crate::token::{Key, KeyRing, Kind, Purpose, Refused, Token, day};

const REFUSED: Metric = Metric {
    name: "vigie_tokens_refused_total",
    labels: &["kind", "reason"],
    meaning: "Tokens on the public listener that said nothing, by endpoint and reason; clients see no difference",
    alert: "unknown_key after a key was removed: mails with its tokens are still read. forged: somebody tries.",
};

/// What a request's head shows, as far as a tracker looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'request> {
    pub(super) method: &'request Method,
    pub(super) headers: &'request HeaderMap,
    pub(super) received: Instant,
}

/// Turns visits with tokens into signals.
#[derive(Debug)]
pub struct Tracker {
    keys: Arc<KeyRing>,
    rules: BTreeMap<Name, ConsentRule>,
    classifier: Arc<Classifier>,
    intake: Arc<Intake>,
    clock: Clock,
    refused_opens: Refusals,
    refused_clicks: Refusals,
}

impl Tracker {
    /// A tracker for the tokens of `keys`. `rules` has each brand's consent rule; whoever is not in it, partners
    /// included, needs a recorded consent.
    pub fn new(
        keys: Arc<KeyRing>,
        rules: BTreeMap<Name, ConsentRule>,
        classifier: Arc<Classifier>,
        intake: Arc<Intake>,
        clock: Clock,
        registry: &Registry,
    ) -> Self {
        let refused = registry.counter(REFUSED);
        let refusals =
            |kind| Refusals(Refused::ALL.map(|reason| refused.with_label_values(&[kind, reason.as_str()])));
        let (refused_opens, refused_clicks) = (refusals("open"), refusals("click"));
        Self { keys, rules, classifier, intake, clock, refused_opens, refused_clicks }
    }

    /// A pixel was asked for. What comes of it is nobody's business outside.
    pub(super) fn opened(&self, token: &str, visit: Visit<'_>) {
        match self.verify(token, &[Kind::Open, Kind::Partner]) {
            Ok((token, key)) => {
                let source = if token.kind == Kind::Partner { Source::Partner } else { Source::Open };
                self.signal(source, &token, key, visit);
            }
            Err(refused) => self.refused_opens.count(refused),
        }
    }

    /// A link was followed: where it leads, if its token is good.
    pub(super) fn clicked(&self, token: &str, visit: Visit<'_>) -> Option<HeaderValue> {
        match self.verify(token, &[Kind::Click]) {
            Ok((token, key)) => {
                let destination = location(&token.destination);
                if destination.is_some() {
                    self.signal(Source::Click, &token, key, visit);
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

    fn verify(&self, token: &str, kinds: &[Kind]) -> Result<(Token, &Key), Refused> {
        Token::verify_any(token.as_bytes(), kinds, day(self.clock.now()), &self.keys)
    }

    fn signal(&self, source: Source, token: &Token, key: &Key, visit: Visit<'_>) {
        let judged = self.classifier.judge(&Evidence {
            source,
            method: visit.method,
            headers: visit.headers,
            client: None,
            recipient: token.recipient,
            about: token.send,
            days: None,
            link: None,
            decoy: false,
            activated: false,
        });
        for who in judged.unmasked {
            self.intake.gone(who, Leaving::Unmasked(UNMASKED));
        }
        let mut judgement = judged.judgement;
        if token.purpose != Purpose::Presence {
            judgement = judgement.for_statistics();
        }
        self.intake.receive(Signal {
            recipient: token.recipient,
            source,
            origin: self.origin(key.owner()),
            about: token.send,
            judgement,
            received: visit.received,
        });
    }

    fn origin(&self, owner: &Grantee) -> Origin {
        let rule = match owner {
            Grantee::Brand(name) => self.rules.get(name).copied().unwrap_or_default(),
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

/// A destination as a `Location`, byte for byte, if it is what may be minted: an absolute http or https URL without
/// control characters.
fn location(destination: &str) -> Option<HeaderValue> {
    let plain =
        !destination.contains(|c: char| c.is_control() || c == '\\') && destination.trim() == destination;
    let url = Url::parse(destination).ok().filter(|_| plain)?;
    let (scheme, rest) = destination.split_once("://")?;
    let fits = matches!(url.scheme(), "http" | "https")
        && scheme.eq_ignore_ascii_case(url.scheme())
        && url.has_host()
        && !rest.starts_with('/');
    HeaderValue::from_bytes(destination.as_bytes()).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_addresses_are_followed() {
        for good in [
            "https://pay.example.org/case?id=1&b=%0A#x",
            "http://example.org",
            "HTTPS://Example.org/é",
            "https://example.org:8443/a b",
        ] {
            assert_eq!(location(good).as_ref().map(HeaderValue::as_bytes), Some(good.as_bytes()));
        }
        for bad in [
            "",
            "//evil.example",
            "/path",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:evil.example",
            "https:///evil.example",
            "https:\\\\evil.example",
            "https://evil.example\\@good.example",
            " https://example.org",
            "https://example.org\r\nSet-Cookie: a=b",
            "https://example.org/\u{0}",
            "https://exam\tple.org",
            "https://",
            "ftp://example.org",
        ] {
            assert_eq!(location(bad), None, "{bad:?} must not be followed");
        }
    }
}
