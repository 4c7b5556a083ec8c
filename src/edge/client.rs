//! From whose address a request comes, as far as that can be known.
//!
//! A peer on the internet is its own witness. Behind a load balancer every peer is the balancer, and what it says about its
//! clients is believed only if it stands in `edge.trusted_proxies`: anybody can send an `X-Forwarded-For`. Private
//! addresses say nothing about a network, so whoever has one has none here.
//!
//! Addresses end with the verdict: nothing here logs one, and no type here shows one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use crate::config::{self, Network, ProxyProtocol};

/// Whom to believe, and in which words they speak.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: Vec<Network>,
    header: HeaderName,
    form: Form,
    /// That nobody's address is known was said already, or need not be said.
    said: AtomicBool,
}

/// How a header names clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `X-Forwarded-For`: a list to which every proxy adds its client.
    List,
    /// `Forwarded` (RFC 7239): the same in pairs.
    Pairs,
    /// One address alone.
    Single,
}

/// The other end of a connection.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    /// Its address, if it says something about a network.
    public: Option<IpAddr>,
    /// Whether it is believed what it says about its clients.
    trusted: bool,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl Proxies {
    pub(super) fn new(config: &config::Edge) -> Self {
        // Checked with the configuration; whoever made one by hand and made it wrong has no header.
        let header = config.client_ip_header.parse().unwrap_or(FORWARDED);
        let form = match header.as_str() {
            "x-forwarded-for" => Form::List,
            "forwarded" => Form::Pairs,
            _ => Form::Single,
        };
        let trusted = config.trusted_proxies.clone();
        let proxied = !trusted.is_empty() || config.proxy_protocol != ProxyProtocol::Off;
        Self { trusted, header, form, said: AtomicBool::new(proxied) }
    }

    /// Whether this address is a trusted proxy's.
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Whether any proxy is trusted.
    pub(super) const fn any_trusted(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// The other end of a connection from this address; none where even that is not known.
    pub(super) fn peer(&self, address: Option<IpAddr>) -> Peer {
        let trusted = address.is_some_and(|address| self.trust(address));
        Peer { public: address.and_then(public), trusted }
    }

    /// Who made a request on a connection of `peer`.
    pub(super) fn client(&self, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let client = if peer.trusted { self.named(headers).and_then(public) } else { peer.public };
        if client.is_none() && !self.said.load(Ordering::Relaxed) && !self.said.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "requests come from a private address, so nobody's network is known and the rules about networks rest; \
                 behind a load balancer, name it in edge.trusted_proxies (or set edge.proxy_protocol)"
            );
        }
        client
    }

    /// Whom a trusted peer's header names: the last one that is not a trusted proxy itself. What stands before it was
    /// written by that one, so nobody knows whether it is true.
    fn named(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut values = headers.get_all(&self.header).iter();
        if self.form == Form::Single {
            let only = values.next().filter(|_| values.next().is_none());
            return only.and_then(|value| address(text(value)?));
        }
        let texts = values.rev().map(|value| text(value).unwrap_or_default());
        for element in texts.flat_map(|text| text.rsplit(',')) {
            let address = match self.form {
                Form::Pairs => pair(element).and_then(address),
                Form::List | Form::Single => address(element),
            }?;
            if !self.trust(address) {
                return Some(address);
            }
        }
        None
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// The `for` of one element of `Forwarded`: `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:4711"`.
fn pair(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    Some(value.trim().trim_matches('"'))
}

/// An address as proxies write it: alone, in brackets, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    bare.parse().ok().or_else(with_port)
}

/// An address that says something about a network: none for the private, the local and the shared ones.
fn public(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let says_nothing = match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && second & 0b1100_0000 == 64;
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared;
            local || first == 0 || v4.is_broadcast() || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            let local = v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local();
            local || v6.is_unspecified() || v6.is_multicast()
        }
    };
    (!says_nothing).then_some(address)
}

#[cfg(test)]
mod tests;
