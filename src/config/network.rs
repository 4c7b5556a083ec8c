//! Networks in configuration: `"10.0.0.0/8"`, `"2001:db8::/32"`, or one address.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};

/// Reads a list of networks; an address alone is the network of itself.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| network(text).ok_or_else(|| refuse(text))).collect()
}

fn refuse<E: Error>(text: &str) -> E {
    E::invalid_value(Unexpected::Str(text), &"a network such as \"10.0.0.0/8\", or an address")
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses() {
        let read = |text| network(text).map(|net| net.to_string());
        assert_eq!(read("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(read(" 192.0.2.7 ").as_deref(), Some("192.0.2.7/32"));
        assert_eq!(read("2001:db8::/32").as_deref(), Some("2001:db8::/32"));
        for bad in ["", "10.0.0.0/33", "lb.example", "10.0.0", "10.0.0.1-9"] {
            assert_eq!(read(bad), None, "{bad:?} must be refused");
        }
    }
}
