//! Who owns which slot, as far as we know.

use std::sync::Arc;

use redis::Value;

use super::super::link::Address;
use super::place::{Place, SLOTS};
use super::primary::Primary;

/// A slot that nobody is known to own.
const NOBODY: u16 = u16::MAX;

/// The map.
pub(super) struct Slots {
    /// For each slot the number of its owner.
    owners: Box<[u16]>,
    primaries: Vec<Arc<Primary>>,
}

impl Slots {
    /// A map without owners.
    pub(super) fn empty() -> Self {
        Self { owners: vec![NOBODY; usize::from(SLOTS)].into(), primaries: Vec::new() }
    }

    /// All slots are one server's.
    pub(super) fn of_one(primary: Arc<Primary>) -> Self {
        Self { owners: vec![0; usize::from(SLOTS)].into(), primaries: vec![primary] }
    }

    /// The owner of a slot.
    pub(super) fn owner(&self, place: Place) -> Option<&Arc<Primary>> {
        self.primaries.get(usize::from(self.owners[usize::from(place.0)]))
    }

    /// The owners of a range of slots, each once for every stretch of it.
    pub(super) fn owners(&self, first: u16, last: u16) -> impl Iterator<Item = &Arc<Primary>> {
        let range = &self.owners[usize::from(first)..=usize::from(last)];
        let stretches = range.chunk_by(|one, next| one == next).filter_map(|stretch| stretch.first());
        stretches.filter_map(|owner| self.primaries.get(usize::from(*owner)))
    }

    /// All that own, or did until a moment ago.
    pub(super) fn primaries(&self) -> &[Arc<Primary>] {
        &self.primaries
    }

    /// The primary at an address.
    pub(super) fn at(&self, address: &Address) -> Option<&Arc<Primary>> {
        self.primaries.iter().find(|primary| *primary.address == *address)
    }

    /// Whether every slot has an owner.
    pub(super) fn is_complete(&self) -> bool {
        self.owners.iter().all(|owner| *owner != NOBODY)
    }

    /// Gives a range of slots to a primary.
    pub(super) fn give(&mut self, first: u16, last: u16, primary: &Arc<Primary>) {
        let number = self.adopt(primary);
        self.owners[usize::from(first)..=usize::from(last)].fill(number);
    }

    /// Takes a primary in, if it is new, and answers its number.
    pub(super) fn adopt(&mut self, primary: &Arc<Primary>) -> u16 {
        let known = self.primaries.iter().position(|other| Arc::ptr_eq(other, primary));
        let number = known.unwrap_or_else(|| {
            self.primaries.push(Arc::clone(primary));
            self.primaries.len() - 1
        });
        u16::try_from(number).expect("a cluster has at most one primary for each of 16384 slots")
    }
}

/// One line of `CLUSTER SLOTS`: slots, their primary, its replicas.
#[derive(Debug, PartialEq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: Address,
    pub(super) replicas: Vec<Address>,
}

/// Reads the answer of `asked` to `CLUSTER SLOTS`; lines that make no sense are left out.
pub(super) fn read(reply: &Value, asked: &Address) -> Vec<Range> {
    let Value::Array(lines) = reply else { return Vec::new() };
    lines.iter().filter_map(|line| range(line, asked)).collect()
}

fn range(line: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = line else { return None };
    let [Value::Int(first), Value::Int(last), primary, replicas @ ..] = parts.as_slice() else { return None };
    let slot = |number: i64| u16::try_from(number).ok().filter(|slot| *slot < SLOTS);
    let (first, last) = (slot(*first)?, slot(*last)?);
    let replicas = replicas.iter().filter_map(|node| address(node, asked)).collect();
    (first <= last).then_some(Range { first, last, primary: address(primary, asked)?, replicas })
}

/// `[host, port, id, …]`; a server that does not know its own host says nothing, or nil, or `?`.
fn address(node: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(parts) = node else { return None };
    let [host, Value::Int(port), ..] = parts.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        _ => "",
    };
    let host = if matches!(host, "" | "?") { &asked.host } else { host };
    Some(Address { host: host.to_owned(), port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])])
    }

    fn line(first: i64, last: i64, nodes: Vec<Value>) -> Value {
        Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
    }

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    #[test]
    fn cluster_slots_is_read() {
        let reply = Value::Array(vec![
            line(0, 99, vec![node(text("10.0.0.1"), 7001), node(text("10.0.0.2"), 7002)]),
            line(100, 100, vec![node(text(""), 7003)]),
            line(101, 16_383, vec![node(Value::Nil, 7004)]),
        ]);
        let ranges = read(&reply, &address("asked", 1));
        let owners: Vec<_> = ranges.iter().map(|range| (range.first, range.last, &range.primary)).collect();
        let expected = [address("10.0.0.1", 7001), address("asked", 7003), address("asked", 7004)];
        assert_eq!(owners, [(0, 99, &expected[0]), (100, 100, &expected[1]), (101, 16_383, &expected[2])]);
        assert_eq!(ranges[0].replicas, [address("10.0.0.2", 7002)]);
    }

    #[test]
    fn nonsense_is_left_out() {
        let reply = Value::Array(vec![
            line(5, 4, vec![node(text("a"), 1)]),
            line(0, 16_384, vec![node(text("a"), 1)]),
            line(0, 1, vec![node(text("a"), 65_536)]),
            line(0, 1, vec![]),
            Value::Nil,
        ]);
        assert_eq!(read(&reply, &address("asked", 1)), []);
        assert_eq!(read(&Value::Nil, &address("asked", 1)), []);
    }
}
