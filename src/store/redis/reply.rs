//! Reading what functions answer.

use std::sync::Arc;

use jiff::Timestamp;
use redis::Value;

use crate::model::{CaseSpec, Cause, Claim, ClaimId, Hold, RecipientId, SendId, SendSpec, SendState};
use crate::store::StoreError;
use crate::store::log::Ended;

use super::keys;

/// The elements of an answer, one after the other. Not `Debug`: they may hold addresses.
pub(super) struct Reply(std::vec::IntoIter<Value>);

/// One claim as a function tells it; the gateway adds what only it knows. Not `Debug`: the payload holds an address.
pub(super) struct Told {
    pub(super) send: SendId,
    attempt: u32,
    dated: i64,
    /// What the person said to the brand about presence, if anything.
    pub(super) said: Option<bool>,
    overdue: bool,
    /// What its case says, as JSON; empty if it has none.
    case: Vec<u8>,
    payload: Vec<u8>,
}

/// A send that reached its final state.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) send: SendId,
    pub(super) state: SendState,
    pub(super) flow: crate::model::FlowScope,
    pub(super) reference: String,
    pub(super) attempts: u32,
    pub(super) detail: String,
}

/// What to say when an answer makes no sense.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!(
        "a function of vigie answered without {what}; is another program using its keys?"
    ))
}

impl Reply {
    /// The elements of a list.
    pub(super) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) | Value::Set(values) => Ok(Self(values.into_iter())),
            Value::Map(pairs) => {
                Ok(Self(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect::<Vec<_>>().into_iter()))
            }
            Value::Nil => Ok(Self(Vec::new().into_iter())),
            _ => Err(damaged("a list")),
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// The next element, whatever it is.
    pub(super) fn next(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| damaged("one of its elements"))
    }

    /// The next element, a list.
    pub(super) fn list(&mut self) -> Result<Self, StoreError> {
        Self::of(self.next()?)
    }

    /// The next element, a number.
    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        int(&self.next()?)
    }

    /// The next element, a number that fits.
    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.int()?).map_err(|_| damaged("a number within its bounds"))
    }

    /// The next element, bytes.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        bytes(self.next()?)
    }

    /// The next element, text.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?).map_err(|_| damaged("readable text"))
    }

    /// The next element, a send's id.
    pub(super) fn send(&mut self) -> Result<SendId, StoreError> {
        Ok(SendId(self.bytes()?.try_into().map_err(|_| damaged("an id of 16 bytes"))?))
    }

    /// The next element, a state's letter.
    pub(super) fn state(&mut self) -> Result<SendState, StoreError> {
        state(&self.bytes()?).ok_or_else(|| damaged("a known state"))
    }

    /// All that is left, as claims.
    pub(super) fn claims(self) -> Result<Vec<Told>, StoreError> {
        self.groups(7, Self::told)
    }

    /// All that is left, as sends near their deadline: told as claims, and the hours in which their people are seen.
    pub(super) fn near(self) -> Result<Vec<(Told, Vec<u8>)>, StoreError> {
        self.groups(8, |near| Ok((near.told()?, near.bytes()?)))
    }

    fn told(&mut self) -> Result<Told, StoreError> {
        Ok(Told {
            send: self.send()?,
            attempt: self.small()?,
            dated: self.int()?,
            said: self.bytes()?.first().map(|said| *said == b'1'),
            overdue: self.int()? == 1,
            case: self.bytes()?,
            payload: self.bytes()?,
        })
    }

    /// All that is left, as sends that are gone.
    pub(super) fn gone(self) -> Result<Vec<Gone>, StoreError> {
        self.groups(6, |six| {
            Ok(Gone {
                send: six.send()?,
                state: six.state()?,
                flow: keys::scope(&six.text()?).ok_or_else(|| damaged("the name of a flow"))?,
                reference: six.text()?,
                attempts: six.small()?,
                detail: six.text()?,
            })
        })
    }

    /// All that is left, so many elements each, of which the first is a send. One that cannot be read is left out: the others
    /// have happened too.
    fn groups<T>(
        mut self,
        elements: usize,
        read: impl Fn(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::with_capacity(self.0.len() / elements);
        while !self.is_empty() {
            let send = self.send()?;
            let mut group = vec![Value::BulkString(send.0.to_vec())];
            for _ in 1..elements {
                group.push(self.next()?);
            }
            match read(&mut Self(group.into_iter())) {
                Ok(one) => all.push(one),
                Err(error) => tracing::error!(%send, %error, "what Redis says of a send cannot be read"),
            }
        }
        Ok(all)
    }
}

/// A number, as RESP writes it or as text.
pub(super) fn int(value: &Value) -> Result<i64, StoreError> {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(bytes) => number(bytes),
        _ => None,
    };
    number.ok_or_else(|| damaged("a number"))
}

/// A number written in decimal.
pub(super) fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Bytes.
pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        _ => Err(damaged("text")),
    }
}

/// The letters states are kept under, in the order of [`SendState::ALL`].
const LETTERS: [u8; 8] = *b"wcsfuxhd";

/// The state a letter stands for.
pub(super) fn state(letter: &[u8]) -> Option<SendState> {
    let [letter] = letter else { return None };
    let place = LETTERS.iter().position(|known| known == letter)?;
    Some(SendState::ALL[place])
}

impl Gone {
    /// What an outbox says of it: under its id and the letter of its state.
    pub(super) fn of(place: &[u8], flow: &str, reference: &str, attempts: u32, detail: &str) -> Option<Self> {
        let (send, letter) = place.split_first_chunk::<16>()?;
        let (state, flow) = (state(letter)?, keys::scope(flow)?);
        let (reference, detail) = (reference.to_owned(), detail.to_owned());
        Some(Self { send: SendId(*send), state, flow, reference, attempts, detail })
    }

    /// The letter of its state.
    pub(super) fn letter(&self) -> u8 {
        LETTERS[self.state as usize]
    }

    /// What is told of it.
    pub(super) fn ended(self, at: Timestamp) -> Ended {
        let Self { send, state, flow, reference, attempts, detail } = self;
        Ended { send, reference, brand: flow.brand, campaign: flow.campaign, state, at, attempts, detail }
    }
}

impl Told {
    /// The claim, with the payload that came along.
    pub(super) fn parse(
        self,
        claim: ClaimId,
        cause: Cause,
        tracked: impl Fn(&SendSpec, Option<bool>) -> bool,
    ) -> Result<Claim, StoreError> {
        let spec: SendSpec =
            serde_json::from_slice(&self.payload).map_err(|_| damaged("a payload that can be read"))?;
        let tracked = tracked(&spec, self.said);
        Ok(self.claim(claim, cause, spec, tracked))
    }

    /// The claim on a send that is at hand.
    pub(super) fn claim(self, claim: ClaimId, cause: Cause, spec: SendSpec, tracked: bool) -> Claim {
        let recipient: RecipientId = spec.recipient;
        // Of a case that cannot be read nothing is known: the letter says so, where it needs it.
        let stated: Option<CaseSpec> = serde_json::from_slice(&self.case).ok();
        Claim {
            facts: stated.map(|stated| Arc::new(stated.facts)),
            hold: Hold { send: self.send, claim, recipient },
            spec: spec.into(),
            cause,
            attempt: self.attempt,
            dated: Timestamp::from_second(self.dated).unwrap_or(Timestamp::UNIX_EPOCH),
            tracked,
            overdue: self.overdue,
        }
    }
}
