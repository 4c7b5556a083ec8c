//! What cases are about: people, sends, signals.

use std::time::Duration;

use jiff::Timestamp;
use vigie::model::{
    CaseFacts, CaseSpec, Claim, ClaimId, Finish, Name, OnDeadline, OnUncertain, Origin, RecipientId, SendId,
    SendSpec, Source, Worth,
};
use vigie::redact::Mailbox;
use vigie::store::{Rules, Touch};

use crate::support::presumed::presumed;

/// When all clocks start.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

/// Rules under which nothing but the window, the lease and the caps plays a part.
pub(crate) fn rules() -> Rules {
    Rules {
        window: Duration::from_mins(3),
        min_gap: Duration::ZERO,
        lease: Duration::from_secs(30),
        claims_per_touch: 4,
        max_attempts: 3,
        max_waiting: 10_000,
        max_online: 1000,
        max_mailboxes: 100,
        keep_finished: Duration::from_hours(24),
        keep_cases: Duration::from_hours(72),
        recent: Duration::from_mins(1),
        landed_within: Duration::from_secs(50),
        fire_threshold: 80,
        hint_ttl: Duration::from_secs(30),
        history: true,
        brands: presumed(),
        ..Rules::default()
    }
}

/// A name.
pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A person.
pub(crate) fn who(n: u8) -> RecipientId {
    RecipientId([n; 16])
}

/// A send of the brand `demo`, due at once, without deadline.
pub(crate) fn send(reference: &str, recipient: RecipientId) -> SendSpec {
    send_of("demo", reference, recipient)
}

/// A send of some brand.
pub(crate) fn send_of(brand: &str, reference: &str, recipient: RecipientId) -> SendSpec {
    let brand = name(brand);
    SendSpec {
        id: SendId::derive(&brand, reference),
        reference: reference.into(),
        brand,
        campaign: None,
        case: None,
        recipient,
        to: Mailbox::new("marie@example.org".into(), Some("Marie".into())),
        template: name("reminder"),
        vars: serde_json::Map::from_iter([("amount".to_owned(), "12,50 €".into())]),
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: format!("digest of {reference}"),
    }
}

/// A case of some brand, without deadline.
pub(crate) fn case_of(brand: &str, case: &str, recipient: RecipientId, amount: &str) -> CaseSpec {
    CaseSpec {
        brand: name(brand),
        case: case.into(),
        recipient,
        to: Mailbox::new("marie@example.org".into(), Some("Marie".into())),
        facts: CaseFacts {
            amount: amount.parse().expect("an amount"),
            currency: "EUR".parse().expect("a currency"),
            due_date: None,
            first_letter: None,
            zone: None,
            language: None,
            attributes: serde_json::Map::new(),
        },
        deadline: None,
    }
}

/// A trusted signal.
pub(crate) fn signal(recipient: RecipientId) -> Touch {
    Touch {
        request: ClaimId::random(),
        recipient,
        source: Source::Portal,
        origin: Origin::Trusted,
        about: None,
        worth: Worth::PRESENCE,
    }
}

/// The relay's yes.
pub(crate) fn accepted() -> Finish {
    Finish::Accepted { reply: "250 2.0.0 queued".into(), provider: Some(name("gmail")) }
}

/// The references of claims, in order.
pub(crate) fn references(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.spec.reference.as_str()).collect()
}
