//! Reservations: what the index says of an id, so that all gateways take it for one send.

use std::time::Duration;

use redis::{Cmd, Value, cmd};
use sha2::{Digest, Sha256};

use crate::model::{SendId, SendSpec};
use crate::store::StoreError;

use super::fault::Fault;
use super::inner::Inner;
use super::keys::Partition;
use super::router::{Lane, Place};

/// After this a reservation whose send never came is nobody's.
const STALE: Duration = Duration::from_mins(1);

/// What an id is reserved for: digest, partition, and the second it was reserved in.
struct Reservation {
    digest: [u8; 16],
    partition: u16,
    second: u32,
}

impl Reservation {
    fn pack(&self) -> Vec<u8> {
        let mut bytes = self.digest.to_vec();
        bytes.extend(self.partition.to_be_bytes());
        bytes.extend(self.second.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let second = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { digest: *digest, partition: u16::from_be_bytes(*partition), second })
    }

    fn same(&self, other: &Self) -> bool {
        (self.digest, self.partition) == (other.digest, other.partition)
    }
}

/// The partition an entry of the index names.
pub(super) fn partition_in(entry: &[u8]) -> Option<u16> {
    Reservation::read(entry).map(|reservation| reservation.partition)
}

impl Inner {
    fn reservation(&self, spec: &SendSpec) -> Reservation {
        let second = u32::try_from(self.turns.server_now() / 1000).unwrap_or_default();
        Reservation { digest: digest(spec), partition: self.partitions.number_of(spec.recipient), second }
    }

    /// Reserves ids; answers in the order given.
    pub(super) async fn reserve(&self, sends: &[&SendSpec]) -> Vec<Result<Reserved, StoreError>> {
        let reserve = |spec: &&SendSpec| {
            let (place, mut set) = self.index(spec);
            set.arg("NX").arg("GET");
            (place, set)
        };
        let before = self.router.many(Lane::Enqueue, sends.iter().map(reserve).collect()).await;
        let mut reserved = Vec::with_capacity(sends.len());
        for (spec, before) in sends.iter().zip(before) {
            reserved.push(match before {
                Ok(Value::BulkString(before)) => self.reserved_before(spec, &before).await,
                Ok(_) => Ok(Reserved::Now),
                Err(fault) => Err(fault.into()),
            });
        }
        reserved
    }

    /// What a reservation that was there means for this send.
    async fn reserved_before(&self, spec: &SendSpec, before: &[u8]) -> Result<Reserved, StoreError> {
        let ours = self.reservation(spec);
        let Some(before) = Reservation::read(before) else { return Ok(Reserved::Taken) };
        if before.same(&ours) {
            return Ok(Reserved::Before);
        }
        let old =
            before.second.saturating_add(u32::try_from(STALE.as_secs()).unwrap_or(u32::MAX)) < ours.second;
        let Some(home) = self.partitions.all().get(usize::from(before.partition)).filter(|_| old) else {
            return Ok(Reserved::Taken);
        };
        if self.exists(home, "s", &spec.id.0).await? {
            return Ok(Reserved::Taken);
        }
        let (place, set) = self.index(spec);
        self.router.call(Lane::Enqueue, place, set).await?;
        Ok(Reserved::Now)
    }

    /// Writes the index entry of a send, without end.
    pub(super) fn index(&self, spec: &SendSpec) -> (Place, Cmd) {
        let index = self.partitions.index_of(spec.id);
        let mut set = cmd("SET");
        set.arg(index.key("i", &spec.id.0)).arg(self.reservation(spec).pack());
        (index.place, set)
    }

    pub(super) async fn unreserve(&self, id: SendId) -> Result<(), Fault> {
        let (place, del) = self.unreserve_call(id);
        self.router.call(Lane::Enqueue, place, del).await.map(drop)
    }

    /// Frees an id.
    pub(super) fn unreserve_call(&self, id: SendId) -> (Place, Cmd) {
        let index = self.partitions.index_of(id);
        let mut del = cmd("DEL");
        del.arg(index.key("i", &id.0));
        (index.place, del)
    }

    /// Whether a key of a partition exists.
    pub(super) async fn exists(
        &self,
        partition: &Partition,
        kind: &str,
        id: &[u8; 16],
    ) -> Result<bool, StoreError> {
        let mut exists = cmd("EXISTS");
        exists.arg(partition.key(kind, id));
        Ok(self.router.call(Lane::Control, partition.place, exists).await? == Value::Int(1))
    }
}

/// How an id stands after [`Inner::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// For this send, by this call.
    Now,
    /// For this send, before.
    Before,
    /// For another one.
    Taken,
}

/// What tells one body from another.
pub(super) fn digest(spec: &SendSpec) -> [u8; 16] {
    let hash = Sha256::digest(&spec.digest);
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash[..16]);
    digest
}
