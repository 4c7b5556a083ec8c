//! `[watch]`: mailboxes whose owners agreed to be watched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::span::duration;

/// `[watch]`: how mailboxes are watched, and which servers may be named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Whether mailboxes are watched at all.
    pub imap: bool,
    /// `IDLE` is said anew after this.
    #[serde(deserialize_with = "duration")]
    pub renew: Duration,
    /// Until a connection stands.
    #[serde(deserialize_with = "duration")]
    pub connect: Duration,
    /// Until each answer of a mail server is complete.
    #[serde(deserialize_with = "duration")]
    pub step: Duration,
    /// The first pause after a lost connection is random up to this.
    #[serde(deserialize_with = "duration")]
    pub first: Duration,
    /// No such pause is longer.
    #[serde(deserialize_with = "duration")]
    pub longest: Duration,
    /// The pause after a refused login.
    #[serde(deserialize_with = "duration")]
    pub refused: Duration,
    /// Most mailboxes that log in at the same time.
    pub logins: usize,
    /// Most of those at one server.
    pub logins_per_server: usize,
    /// Most mailboxes in the store.
    pub max_mailboxes: usize,
    /// Ports at which a mail server may be.
    pub ports: Vec<u16>,
    /// Whether a mail server may be in a private network, or on this machine.
    pub allow_private: bool,
    /// A PEM file of certificates that are trusted beside the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// Whether an address leads somewhere inside: to this machine, its network, or nowhere, but not to a server of the public
/// internet. Whoever may name servers must not reach what only we can (server-side request forgery).
pub fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => is_internal_v6(address),
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // This network; carriers' NAT; protocol assignments; benchmarks; multicast, reserved and broadcast.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224
}

fn is_internal_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // IPv4 in the dress of IPv6: as such, behind a NAT64, in a 6to4 network.
    let [.., a, b] = segments;
    let inner = match segments {
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((a, b)),
        [0x2002, a, b, ..] => Some((a, b)),
        _ => None,
    };
    if let Some((high, low)) = inner {
        return is_internal_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    // Only 2000::/3 is given out, and not what is for documentation.
    segments[0] & 0xe000 != 0x2000 || (segments[0] == 0x2001 && segments[1] == 0x0db8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_told_from_what_is_outside() {
        let inside = "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 \
                      224.0.0.1 198.18.0.1 192.0.2.1 ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:127.0.0.1 \
                      ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::a00:1 2002:7f00:1::1 2001:db8::1 64:ff9b:1::1";
        let outside = "1.1.1.1 100.63.0.1 172.32.0.1 193.0.0.1 2a00:1450::1 2606:4700::1111 ::ffff:8.8.8.8 \
                       64:ff9b::808:808 2002:808:808::1";
        for (text, internal) in [(inside, true), (outside, false)] {
            for address in text.split_whitespace() {
                assert_eq!(is_internal(address.parse().expect("an address")), internal, "{address}");
            }
        }
    }
}
