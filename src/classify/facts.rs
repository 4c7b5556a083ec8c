//! What a request says, in the words of the table.

use std::net::IpAddr;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, USER_AGENT};

use super::Evidence;
use super::agents::{Agents, Named};
use super::networks::{Networks, Tag};
use crate::model::Source;

/// Headers by which browsers say that nobody asked for this yet (the WICG's resource hints, Mozilla's, Safari's).
static SPECULATION: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// The facts of one request. They hold no address and no agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) source: Source,
    /// It was made the way its endpoint is used: pixels and links with GET.
    pub(super) asked: bool,
    /// It was a HEAD.
    pub(super) head: bool,
    /// A browser fetched it ahead of its user.
    pub(super) speculative: bool,
    /// It is a decoy that no person sees.
    pub(super) decoy: bool,
    pub(super) activated: bool,
    pub(super) agent: Named,
    /// Its network, if the address is known and one of the internet.
    pub(super) network: Option<Tag>,
    /// The neighbourhood of its address, if known: an IPv4 /24 or an IPv6 /48.
    pub(super) nearby: Option<IpAddr>,
    /// It is about a mail, so that mail's age counts.
    pub(super) about: bool,
    /// How old the mail is in days, as far as its token tells.
    pub(super) days: Option<u32>,
}

impl Facts {
    pub(super) fn of(evidence: &Evidence<'_>, agents: &Agents, networks: &Networks) -> Self {
        let client = evidence.client.map(|address| address.to_canonical());
        let network = client.map(|address| networks.tag(address)).filter(Tag::is_public);
        let agent = evidence.headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
        Self {
            source: evidence.source,
            asked: match evidence.source {
                Source::Beacon => *evidence.method == Method::POST,
                _ => *evidence.method == Method::GET,
            },
            head: *evidence.method == Method::HEAD,
            speculative: is_speculative(evidence.headers),
            decoy: evidence.decoy,
            activated: evidence.activated,
            agent: agents.name(agent),
            network,
            nearby: network.and(client).map(neighbourhood),
            about: evidence.about.is_some(),
            days: evidence.days,
        }
    }

    /// Whether it asks for an image rather than a page.
    pub(super) fn is_image(&self) -> bool {
        matches!(self.source, Source::Open | Source::Partner)
    }
}

fn is_speculative(headers: &HeaderMap) -> bool {
    SPECULATION.iter().filter_map(|name| headers.get(name)).any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        [&b"prefetch"[..], b"preview", b"prerender"]
            .iter()
            .any(|word| memchr::memmem::find(&value, word).is_some())
    })
}

/// Whoever moves about at home or at work stays in it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => std::net::Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() & !((1 << 80) - 1)).into(),
    }
}
