//! Which network a request comes from: an address in, a [`Tag`] out, from memory and in tens of nanoseconds.
//!
//! What is known of networks is data: the files of `config/networks/`, which ship with vigie, and those of the
//! operator, read at start and whenever told to. From text to tag:
//!
//! 1. **Entries.** A file is a list of tables `[[network]]`: whose network it is ([`Operator`]), what a request from
//!    there can be judged by it ([`Scope`]), how far that goes ([`Strength`]), where the knowledge comes from and of
//!    which day it is, and the ranges. What cannot be read is refused with its line and the remedy ([`BadNetworks`]).
//! 2. **Segments.** All prefixes are cut into a flat row of segments, so that prefixes within prefixes cost a lookup
//!    nothing. The longest prefix decides; of one prefix that is listed twice, the entry read last. The operator's
//!    files are read after those that ship, so theirs counts.
//! 3. **Tags.** A lookup is one binary search. An IPv4 address in the dress of IPv6 is looked up as IPv4.
//!
//! There are no AS numbers: a routing table would be needed to turn them into networks. Those of the shipped files
//! were expanded on the day that is written beside them.
//!
//! Measured on one core of an AMD EPYC, release build, addresses half random and half listed, memory warm: 15 ns with
//! the 7,835 IPv4 ranges that ship, 20 ns with 20,000 (`prefix-trie` 0.10: 25 ns, `ip_network_table` 0.2: 48 ns), 12 ns
//! for IPv6. The shipped ranges take 97 kB (12,587 segments of 6 bytes, 1,174 of 18) and are compiled in 4 ms.

mod file;
mod range;
mod segments;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

pub use file::BadNetworks;
use file::Entry;
pub use range::BadRange;
use segments::Segments;

/// The embedded files, with the names they have in messages.
const BUILTIN: [(&str, &str); 4] = [
    ("config/networks/not-public.toml", include_str!("../../config/networks/not-public.toml")),
    ("config/networks/mailboxes.toml", include_str!("../../config/networks/mailboxes.toml")),
    ("config/networks/hosting.toml", include_str!("../../config/networks/hosting.toml")),
    ("config/networks/gateways.toml", include_str!("../../config/networks/gateways.toml")),
];

/// Ranges in all files: twenty times those that ship; 7 MB at most once compiled.
const MOST_RANGES: usize = 200_000;

/// Tables in all files; their numbers have 16 bits, and zero is nobody's.
const MOST_ENTRIES: usize = 10_000;

/// Whose network an address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Nobody known: most people, and exceptions that the operator makes.
    None,
    /// Not an address that a client on the internet has: nothing follows from it.
    Nowhere,
    /// Google's own: image proxy, prefetcher and crawlers of Gmail; not Google Cloud, which anybody rents.
    Google,
    /// Where Apple's Private Relay and Mail Privacy Protection leave to the internet: people and prefetching alike.
    AppleRelay,
    /// The layer of Microsoft 365 that filters mail; no mailbox is read from there.
    MicrosoftFilter,
    /// The rest of Microsoft: image proxy of Outlook on the web, people's cloud desktops, scanners on Azure.
    Microsoft,
    /// Yahoo and AOL.
    Yahoo,
    /// Proofpoint.
    Proofpoint,
    /// Mimecast.
    Mimecast,
    /// Cisco Secure Email, once `IronPort`.
    Cisco,
    /// Barracuda.
    Barracuda,
    /// Somebody else who filters mail.
    Gateway,
    /// Rented machines: data centres and clouds.
    Hosting,
}

/// What can be judged by coming from a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every request.
    All,
    /// Clicks only: images that people look at are fetched from there too.
    Clicks,
    /// Images only: people click from there.
    Pixels,
}

/// How far coming from a network goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// It decides: no person is there.
    Certain,
    /// It supports other evidence: people are there as well.
    Probable,
}

/// What is known of an address's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Whose it is.
    pub operator: Operator,
    /// What can be judged by it.
    pub scope: Scope,
    /// How far it goes.
    pub strength: Strength,
    /// A stable code: `network:` and the entry's label.
    pub reason: &'static str,
}

impl Tag {
    /// An address in no listed network.
    pub const UNKNOWN: Self = Self {
        operator: Operator::None,
        scope: Scope::All,
        strength: Strength::Probable,
        reason: "network:unknown",
    };

    /// Whether a client on the internet can have the address. If not, a proxy in front hides who really asks, or it is
    /// a test: nothing follows from the network.
    pub fn is_public(&self) -> bool {
        self.operator != Operator::Nowhere
    }

    /// Whether whoever has this network filters mail for others.
    pub fn is_gateway(&self) -> bool {
        use Operator::{Barracuda, Cisco, Gateway, MicrosoftFilter, Mimecast, Proofpoint};
        matches!(self.operator, Barracuda | Cisco | Gateway | MicrosoftFilter | Mimecast | Proofpoint)
    }
}

/// The compiled networks. Made at start and whenever the operator's files change; shared by everybody.
#[derive(Debug)]
pub struct Networks {
    v4: Segments<u32>,
    v6: Segments<u128>,
    /// By mark.
    tags: Box<[Tag]>,
}

impl Networks {
    /// The networks that ship with vigie.
    pub fn builtin() -> Self {
        Self::with(&[]).expect("the embedded networks are valid: a test reads them")
    }

    /// The networks that ship with vigie and the operator's files, of which a later one overrides an earlier one.
    /// Reads them now: not on a request's way.
    pub fn with(files: &[PathBuf]) -> Result<Self, BadNetworks> {
        let shipped = BUILTIN.iter().map(|(name, text)| file::parse(Path::new(name), text));
        let operators = files.iter().map(|path| file::read(path));
        let entries: Vec<Vec<Entry>> = shipped.chain(operators).collect::<Result<_, _>>()?;
        Self::compile(entries.into_iter().flatten().collect())
    }

    fn compile(entries: Vec<Entry>) -> Result<Self, BadNetworks> {
        limit("tables [[network]]", entries.len(), MOST_ENTRIES)?;
        limit("ranges", entries.iter().map(|entry| entry.ranges.len()).sum(), MOST_RANGES)?;
        let tags = [Tag::UNKNOWN].into_iter().chain(entries.iter().map(Entry::tag)).collect();
        let marked = entries.into_iter().zip(1_u16..);
        let prefixes =
            marked.flat_map(|(entry, mark)| entry.ranges.into_iter().map(move |range| (range, mark)));
        let (v4, v6) = prefixes.partition(|(range, _)| range.v4);
        Ok(Self { v4: Segments::of(v4), v6: Segments::of(v6), tags })
    }

    /// What is known of this address's network.
    pub fn tag(&self, address: IpAddr) -> Tag {
        let mark = match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.mark(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.mark(v6.to_bits()),
        };
        self.tags[usize::from(mark)]
    }
}

fn limit(what: &'static str, count: usize, most: usize) -> Result<(), BadNetworks> {
    if count > most { Err(BadNetworks::TooMany { what, most }) } else { Ok(()) }
}

impl Entry {
    fn tag(&self) -> Tag {
        Tag {
            operator: self.operator,
            scope: self.scope,
            strength: self.strength,
            reason: reason(&self.label),
        }
    }
}

/// The reason of this label. Verdicts are copied into every signal, so their reasons live as long as the process: once
/// each, however often the files are read again.
fn reason(label: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let reason = format!("network:{label}");
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reason) = kept.get(reason.as_str()) {
        return reason;
    }
    let reason: &'static str = Box::leak(reason.into_boxed_str());
    kept.insert(reason);
    reason
}

#[cfg(test)]
mod tests;
