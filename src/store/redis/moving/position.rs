//! A position in an export, and its text.

use crate::model::RecipientId;
use crate::store::StoreError;
use crate::store::portable::Position;

/// What is looked for with `SCAN`, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What people said.
    Consents,
    /// Who gets no more mail.
    Suppressions,
    /// People's open cases.
    Cases,
    /// People's queues.
    Sends,
}

/// A place in a scan of all servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spot {
    /// The mark of the servers it was in.
    pub(super) mark: u64,
    /// Which server.
    pub(super) server: usize,
    /// Its cursor.
    pub(super) cursor: u64,
    /// How far what this cursor gave has been dealt with: this person, up to this arrival.
    pub(super) done: Option<(RecipientId, i64)>,
}

/// A position, as this store reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Behind this flow.
    Flows(Option<String>),
    /// In this partition, behind this person.
    Mailboxes(u16, Option<RecipientId>),
    /// There; none for the beginning.
    Scan(Kind, Option<Spot>),
}

impl Kind {
    /// The letter of its keys.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Consents => "y",
            Self::Suppressions => "z",
            Self::Cases => "r",
            Self::Sends => "q",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Consents => "consents",
            Self::Suppressions => "suppressions",
            Self::Cases => "cases",
            Self::Sends => "sends",
        }
    }
}

impl At {
    pub(super) fn position(&self) -> Position {
        Position::new(match self {
            Self::Flows(after) => format!("flows:{}", after.as_deref().unwrap_or_default()),
            Self::Mailboxes(partition, after) => {
                let after = after.map(|who| who.to_string()).unwrap_or_default();
                format!("mailboxes:{partition}:{after}")
            }
            Self::Scan(kind, None) => kind.name().to_owned(),
            Self::Scan(kind, Some(Spot { mark, server, cursor, done })) => {
                let done = done.map(|(who, arrival)| format!(":{who}:{arrival}")).unwrap_or_default();
                format!("{}:{mark:x}:{server}:{cursor}{done}", kind.name())
            }
        })
    }

    pub(super) fn parse(position: &Position) -> Result<Self, StoreError> {
        let text = position.as_str();
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let scan = |kind| match rest {
            None => Some(Self::Scan(kind, None)),
            Some(rest) => Spot::parse(rest).map(|spot| Self::Scan(kind, Some(spot))),
        };
        let at = match kind {
            "flows" => rest.map(|after| Self::Flows((!after.is_empty()).then(|| after.to_owned()))),
            "mailboxes" => rest.and_then(|rest| {
                let (partition, after) = rest.split_once(':')?;
                let after = if after.is_empty() { None } else { Some(after.parse().ok()?) };
                Some(Self::Mailboxes(partition.parse().ok()?, after))
            }),
            "consents" => scan(Kind::Consents),
            "suppressions" => scan(Kind::Suppressions),
            "cases" => scan(Kind::Cases),
            "sends" => scan(Kind::Sends),
            _ => None,
        };
        at.ok_or_else(|| StoreError::Unavailable("the position is one of another store".into()))
    }
}

impl Spot {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mark = u64::from_str_radix(parts.next()?, 16).ok()?;
        let (server, cursor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let done = match parts.next() {
            None => None,
            Some(who) => Some((who.parse().ok()?, parts.next()?.parse().ok()?)),
        };
        parts.next().is_none().then_some(Self { mark, server, cursor, done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_their_text_form() {
        let spot = Spot { mark: u64::MAX, server: 2, cursor: u64::MAX, done: None };
        let places = [
            At::Flows(None),
            At::Flows(Some("brand/campaign".into())),
            At::Mailboxes(0, None),
            At::Mailboxes(255, Some(RecipientId([3; 16]))),
            At::Scan(Kind::Consents, None),
            At::Scan(Kind::Consents, Some(spot)),
            At::Scan(Kind::Suppressions, Some(spot)),
            At::Scan(Kind::Cases, Some(spot)),
            At::Scan(Kind::Sends, Some(Spot { done: Some((RecipientId([9; 16]), i64::MAX)), ..spot })),
        ];
        for at in places {
            assert_eq!(At::parse(&at.position()).expect("its own"), at);
        }
        for foreign in ["", "flows", "sends:", "sends:1:2", "sends:1:2:3:4", "consents:x:0:0", "7"] {
            assert!(At::parse(&Position::new(foreign)).is_err(), "{foreign}");
        }
    }
}
