//! How many connections: in all, and of one neighbourhood.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for connections. They move into the connection's task and return by drop, panic included.
#[derive(Debug)]
pub(super) struct Limits {
    total: Arc<Semaphore>,
    per_address: usize,
    /// Connections by neighbourhood. As bounded as the connections are: an entry goes with its last one.
    guests: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of a neighbourhood.
#[derive(Debug)]
pub(super) struct Guest {
    limits: Arc<Limits>,
    neighbourhood: IpAddr,
}

impl Limits {
    pub(super) fn new(total: usize, per_address: usize) -> Self {
        let total = Arc::new(Semaphore::new(total.min(Semaphore::MAX_PERMITS)));
        Self { total, per_address, guests: Mutex::default() }
    }

    /// Waits until one more connection may be accepted.
    pub(super) async fn any(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.total).acquire_owned().await.expect("this semaphore is never closed")
    }

    /// One more connection of this address, or none if its neighbourhood has its share.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        let neighbourhood = neighbourhood(address);
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.get(&neighbourhood).copied().unwrap_or(0);
        if count >= self.per_address {
            return None;
        }
        guests.insert(neighbourhood, count + 1);
        Some(Guest { limits: Arc::clone(self), neighbourhood })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.limits.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.neighbourhood) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.neighbourhood);
            }
        }
    }
}

/// What one subscriber can choose addresses from: an IPv4 address, an IPv6 /64 (RFC 6177).
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_has_its_share_and_no_more() {
        let limits = Arc::new(Limits::new(10, 2));
        let admit = |address: &str| limits.admit(address.parse().expect("an address"));
        let guests = [admit("192.0.2.1"), admit("::ffff:192.0.2.1")];
        assert!(guests.iter().all(Option::is_some));
        assert!(admit("192.0.2.1").is_none(), "mapped addresses are IPv4");
        assert!(admit("192.0.2.2").is_some());
        let wide = [admit("2001:db8::1"), admit("2001:db8::ffff:0:0:1")];
        assert!(wide.iter().all(Option::is_some));
        assert!(admit("2001:db8::2").is_none(), "one /64 is one neighbourhood");
        assert!(admit("2001:db8:0:1::1").is_some());
        drop((guests, wide));
        assert!(limits.guests.lock().expect("unpoisoned").is_empty());
    }

    #[test]
    fn no_share_keeps_no_entry() {
        let limits = Arc::new(Limits::new(10, 0));
        assert!(limits.admit(IpAddr::from([192, 0, 2, 1])).is_none());
        assert!(limits.guests.lock().expect("unpoisoned").is_empty());
    }
}
