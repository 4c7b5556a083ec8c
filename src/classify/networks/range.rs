//! One network as text: `192.0.2.0/24`, `2001:db8::/32`, or a single address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix: the addresses from its first to its last, which nest in other prefixes or lie beside them, never across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// IPv4, or else IPv6.
    pub(super) v4: bool,
    /// The first address as a number.
    pub(super) first: u128,
    /// The last address as a number.
    pub(super) last: u128,
}

/// Why a text is no network, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRange {
    /// Neither an address nor a prefix.
    #[error("{0:?} is no network: write one like 192.0.2.0/24 or 2001:db8::/32, or a single address")]
    NoNetwork(String),
    /// An AS number, which only a routing table turns into networks.
    #[error("{0:?} is an AS number: vigie has no routing table, so list the networks that it announces")]
    Asn(String),
    /// More bits than an address has, or no number at all.
    #[error("{text:?} is no network: the number after the slash is from 0 to {most} here")]
    Length {
        /// What was written.
        text: String,
        /// Bits of such an address.
        most: u8,
    },
    /// Bits after the prefix are set, so that either the address or the length is not what was meant.
    #[error(
        "{text:?} is an address within a network: write {network} for the network, {address} for that address alone"
    )]
    HostBits {
        /// What was written.
        text: String,
        /// The network the address is in.
        network: String,
        /// The address alone.
        address: IpAddr,
    },
    /// IPv4 written as IPv6; clients that come so are looked up as IPv4.
    #[error("{0:?} is IPv4 in the dress of IPv6: write it as IPv4")]
    Mapped(String),
}

impl Range {
    /// Reads a prefix, or an address as the prefix that holds nothing else.
    pub(super) fn parse(text: &str) -> Result<Self, BadRange> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| no_network(text))?;
        let (v4, bits, most) = match address {
            IpAddr::V4(v4) => (true, u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => return Err(BadRange::Mapped(text.to_owned())),
            IpAddr::V6(v6) => (false, v6.to_bits(), 128),
        };
        let length = match length.map(str::parse::<u8>) {
            None => most,
            Some(Ok(length)) if length <= most => length,
            Some(_) => return Err(BadRange::Length { text: text.to_owned(), most }),
        };
        let host = u128::MAX.checked_shr(128 - u32::from(most - length)).unwrap_or(0);
        let range = Self { v4, first: bits & !host, last: bits | host };
        if range.first == bits {
            return Ok(range);
        }
        let network = format!("{}/{length}", range.first());
        Err(BadRange::HostBits { text: text.to_owned(), network, address })
    }

    fn first(&self) -> IpAddr {
        match u32::try_from(self.first) {
            Ok(bits) if self.v4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(self.first).into(),
        }
    }
}

fn no_network(text: &str) -> BadRange {
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_prefix("asn").or_else(|| lower.strip_prefix("as"));
    let digits = number.map(|number| number.trim_start_matches([':', ' ']));
    match digits {
        Some(digits) if digits.parse::<u32>().is_ok() => BadRange::Asn(text.to_owned()),
        _ => BadRange::NoNetwork(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        Range::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn prefixes_and_addresses_are_ranges() {
        let range = |text| Range::parse(text).map(|range| (range.v4, range.first, range.last));
        assert_eq!(range("192.0.2.0/24"), Ok((true, 0xc000_0200, 0xc000_02ff)));
        assert_eq!(range("192.0.2.7"), Ok((true, 0xc000_0207, 0xc000_0207)));
        assert_eq!(range("0.0.0.0/0"), Ok((true, 0, u128::from(u32::MAX))));
        assert_eq!(range("::/0"), Ok((false, 0, u128::MAX)));
        assert_eq!(range("::1"), Ok((false, 1, 1)));
        assert_eq!(range("2001:db8::/32").map(|(v4, _, last)| (v4, last & 0xff)), Ok((false, 0xff)));
    }

    #[test]
    fn what_is_no_network_is_told_what_to_write() {
        let told = [
            ("10.0.0.0/33", "\"10.0.0.0/33\" is no network: the number after the slash is from 0 to 32 here"),
            (
                "2001:db8::/129",
                "\"2001:db8::/129\" is no network: the number after the slash is from 0 to 128 here",
            ),
            ("10.0.0.0/", "\"10.0.0.0/\" is no network: the number after the slash is from 0 to 32 here"),
            (
                "203.0.113.9/24",
                "\"203.0.113.9/24\" is an address within a network: write 203.0.113.0/24 for the network, 203.0.113.9 \
                 for that address alone",
            ),
            (
                "2001:db8::9/32",
                "\"2001:db8::9/32\" is an address within a network: write 2001:db8::/32 for the network, 2001:db8::9 \
                 for that address alone",
            ),
            (
                "::ffff:192.0.2.0/120",
                "\"::ffff:192.0.2.0/120\" is IPv4 in the dress of IPv6: write it as IPv4",
            ),
        ];
        for (text, sentence) in told {
            assert_eq!(refusal(text), sentence);
        }
        for asn in ["asn:8075", "AS8075", "as 8075"] {
            assert!(refusal(asn).contains("is an AS number: vigie has no routing table"), "{asn}");
        }
        for junk in ["", "/8", "mail.example", "10.0.0", "ascot", "192.0.2.0-192.0.2.9"] {
            assert!(refusal(junk).contains("is no network: write one like 192.0.2.0/24"), "{junk}");
        }
    }

    proptest! {
        #[test]
        fn what_a_refusal_tells_to_write_is_read(address in any::<IpAddr>(), length in 0_u8..=128) {
            let text = format!("{address}/{length}");
            match Range::parse(&text) {
                Ok(range) => prop_assert_eq!(range.first(), address),
                Err(BadRange::HostBits { network, address, .. }) => {
                    let (network, alone) = (Range::parse(&network), Range::parse(&address.to_string()));
                    let (network, alone) = (network.expect("a network"), alone.expect("an address"));
                    prop_assert!(network.first < alone.first && alone.last <= network.last);
                }
                Err(BadRange::Length { most, .. }) => prop_assert!(length > most),
                Err(refusal) => prop_assert!(matches!(refusal, BadRange::Mapped(_)), "{}", refusal),
            }
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,40}") {
            drop(Range::parse(&text));
        }
    }
}
