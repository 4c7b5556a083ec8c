//! Entries, as Redis answers them. Read by hand: a field name that is no UTF-8 must spoil its own entry, not the batch.

use bytes::Bytes;
use redis::Value;

use super::Pushed;

/// The field that holds a send.
const SEND: &[u8] = b"send";

/// One entry of the stream. Not `Debug`: it holds an address.
#[derive(Clone)]
pub(super) struct Entry {
    /// Redis' id of it, `<milliseconds>-<number>`.
    pub(super) id: String,
    /// The value of the field `send`; other fields are the producer's own business.
    pub(super) send: Option<Bytes>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// Its id.
    pub(super) id: String,
    /// How often it was delivered.
    pub(super) deliveries: u64,
}

impl Entry {
    /// The send in it, for [`Accept`](super::Accept).
    pub(super) fn pushed(&self) -> Option<Pushed> {
        let json = self.send.clone()?;
        Some(Pushed { json, name: format!("stream-{}", self.id) })
    }

    fn read(value: Value) -> Option<Self> {
        let [id, fields] = <[Value; 2]>::try_from(list(value)?).ok()?;
        let mut fields = list(fields)?.into_iter();
        let mut send = None;
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            if bytes(name)? == SEND {
                send = bytes(value).map(Bytes::from);
            }
        }
        Some(Self { id: text(id)?, send })
    }
}

/// The answer to `XCLAIM`. An entry that was deleted meanwhile is left out, or nil before Redis 7.
pub(super) fn entries(answer: Value) -> Vec<Entry> {
    list(answer).unwrap_or_default().into_iter().filter_map(Entry::read).collect()
}

/// The answer to `XREADGROUP` of one stream: nil when nothing came in time.
pub(super) fn of_one_stream(answer: Value) -> Vec<Entry> {
    let stream = list(answer).and_then(|streams| streams.into_iter().next()).and_then(list);
    stream.and_then(|stream| stream.into_iter().nth(1)).map(entries).unwrap_or_default()
}

/// The answer to `XPENDING` with a range.
pub(super) fn pending(answer: Value) -> Vec<Pending> {
    let read = |value| {
        let [id, _, _, deliveries] = <[Value; 4]>::try_from(list(value)?).ok()?;
        let Value::Int(deliveries) = deliveries else { return None };
        Some(Pending { id: text(id)?, deliveries: u64::try_from(deliveries).unwrap_or(0) })
    };
    list(answer).unwrap_or_default().into_iter().filter_map(read).collect()
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: &[u8]) -> Value {
        Value::BulkString(bytes.to_vec())
    }

    fn entry(id: &str, fields: &[&[u8]]) -> Value {
        let fields = fields.iter().map(|field| bulk(field)).collect();
        Value::Array(vec![bulk(id.as_bytes()), Value::Array(fields)])
    }

    #[test]
    fn a_strange_entry_spoils_only_itself() {
        let strange = entry("1-0", &[b"\xff\xfe", b"x"]);
        let (empty, good) = (entry("2-0", &[]), entry("3-0", &[b"trace", b"7", b"send", b"\xff"]));
        let stream = vec![bulk(b"vigie:sends"), Value::Array(vec![strange, empty, good, Value::Nil])];
        let read = of_one_stream(Value::Array(vec![Value::Array(stream)]));
        let seen: Vec<_> = read.iter().map(|entry| (entry.id.as_str(), entry.send.as_deref())).collect();
        assert_eq!(seen, [("1-0", None), ("2-0", None), ("3-0", Some(&b"\xff"[..]))]);
    }

    #[test]
    fn nothing_in_time_is_no_entry() {
        assert!(of_one_stream(Value::Nil).is_empty());
        assert!(entries(Value::Array(Vec::new())).is_empty());
    }
}
