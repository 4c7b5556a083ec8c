//! What brands have to publish in DNS, as the world sees it (`vigie check --dns`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use url::{Host, Url};

use super::Found;
use crate::config::Config;
use crate::render::Record;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Asked {
    /// Whoever this machine asks.
    System,
    /// This name server.
    Server(SocketAddr),
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let server = match text {
            "system" => return Ok(Self::System),
            address => address.parse().or_else(|_| address.parse().map(|ip| SocketAddr::new(ip, 53))),
        };
        server.map(Self::Server).map_err(|_| "expected \"192.0.2.53\" or \"192.0.2.53:5353\"".into())
    }
}

/// How long one try of a question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks for names.
pub(super) struct Names(TokioResolver);

impl Names {
    /// # Errors
    /// This machine's name servers cannot be read.
    pub(super) fn new(asked: Asked) -> Result<Self, String> {
        let unusable = |error: &dyn std::fmt::Display| format!("DNS cannot be asked: {error}");
        let mut builder = match asked {
            Asked::System => TokioResolver::builder_tokio().map_err(|error| unusable(&error))?,
            Asked::Server(at) => {
                let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                for connection in &mut connections {
                    connection.port = at.port();
                }
                let server = NameServerConfig::new(at.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        builder.options_mut().timeout = PATIENCE;
        builder.build().map(Self).map_err(|error| unusable(&error))
    }

    /// Whether each of these records is published.
    pub(super) async fn published(&self, records: Vec<(String, Record)>) -> Found {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for (brand, record) in records {
            match self.texts(&record.name).await.and_then(|texts| judge(&record, &texts)) {
                Ok(()) => right.push(record.name),
                Err(why) => wrong.push(format!("brands.{brand}: {why}")),
            }
        }
        match (wrong.as_slice(), right.as_slice()) {
            ([], []) => Ok("no signatures, so nothing needs to be published".into()),
            ([], right) => Ok(format!("published: {}", right.join(", "))),
            (wrong, _) => Err(wrong.join("; ")),
        }
    }

    /// Whether the hosts in pixels and links have addresses.
    pub(super) async fn addresses(&self, brands: &super::Brands) -> Found {
        let (mut right, mut wrong) = (BTreeSet::new(), Vec::new());
        for (name, brand) in brands {
            let url = Url::parse(&brand.tracking_url).ok();
            let Some(Host::Domain(host)) = url.as_ref().and_then(Url::host) else { continue };
            match self.0.lookup_ip(format!("{host}.")).await {
                Ok(found) if found.iter().next().is_some() => {
                    right.insert(host.to_owned());
                }
                Ok(_) => wrong.push(nowhere(name.as_str(), host)),
                Err(error) if error.is_no_records_found() => wrong.push(nowhere(name.as_str(), host)),
                Err(error) => wrong.push(format!("{host} cannot be asked for: {error}")),
            }
        }
        if wrong.is_empty() {
            return Ok(format!("found {}", right.into_iter().collect::<Vec<_>>().join(", ")));
        }
        Err(wrong.join("; "))
    }

    /// The TXT records of a name, each put together from its pieces.
    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let found = match self.0.txt_lookup(format!("{name}.")).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(format!("{name} cannot be asked for: {error}")),
        };
        let text = |data: &RData| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect())
    }
}

fn nowhere(brand: &str, host: &str) -> String {
    format!(
        "brands.{brand}.tracking_url: {host} has no address in DNS, so no pixel is fetched: add an A or AAAA record"
    )
}

/// Compares what should be published with what is: the key counts, not how its record is written.
fn judge(record: &Record, published: &[String]) -> Result<(), String> {
    let Record { name, .. } = record;
    let theirs = match published {
        [] => return Err(format!("no mail's signature is found, as {name} is not published: add {record}")),
        [one] => tag(one, "p"),
        _ => return Err(format!("{name} has more than one TXT record, so verifiers take none: leave one")),
    };
    match (theirs.as_deref(), tag(&record.text, "p").as_deref()) {
        (Some(""), _) => {
            Err(format!("{name} says that this key is revoked: publish {record}, or sign with another"))
        }
        (Some(theirs), Some(ours)) if theirs == ours => Ok(()),
        _ => Err(format!("{name} has another key than mails are signed with: publish {record}")),
    }
}

/// The value of a tag (RFC 6376 section 3.2), without white space.
fn tag(text: &str, name: &str) -> Option<String> {
    let mut tags = text.split(';').filter_map(|tag| tag.split_once('='));
    let (_, value) = tags.find(|(tag, _)| tag.trim() == name)?;
    Some(value.chars().filter(|letter| !letter.is_whitespace()).collect())
}

/// The sections of the report that only DNS can say, or that it cannot be asked.
pub(super) async fn look(
    config: &Config,
    brands: &super::Brands,
    asked: Asked,
) -> [(&'static str, Found); 2] {
    let names = match Names::new(asked) {
        Ok(names) => names,
        Err(why) => return [("dns: hosts", Err(why.clone())), ("dns: keys", Err(why))],
    };
    let keys = match super::records(config, brands) {
        Ok(records) => names.published(records).await,
        Err(why) => Err(why),
    };
    [("dns: hosts", names.addresses(brands).await), ("dns: keys", keys)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record { name: "s1._domainkey.acme.example".into(), text: "v=DKIM1; k=rsa; p=ABC".into() }
    }

    #[test]
    fn the_key_counts_and_not_how_it_is_written() {
        let judge = |texts: &[&str]| {
            judge(&record(), &texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        judge(&["v=DKIM1; k=rsa; p=ABC"]).expect("the same");
        judge(&["k=rsa;t=s ; p = A B\tC;"]).expect("the same key");
        for (texts, why) in [
            (&[][..], "is not published"),
            (&["v=DKIM1; p=XYZ"], "another key"),
            (&["v=spf1 -all"], "another key"),
            (&["v=DKIM1; p="], "revoked"),
            (&["v=DKIM1; p=ABC", "v=DKIM1; p=ABC"], "more than one"),
        ] {
            let error = judge(texts).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_name_server_has_an_address_and_perhaps_a_port() {
        assert_eq!("system".parse(), Ok(Asked::System));
        assert_eq!("192.0.2.53".parse(), Ok(Asked::Server(([192, 0, 2, 53], 53).into())));
        assert_eq!(
            "[2001:db8::1]:5353".parse(),
            Ok(Asked::Server("[2001:db8::1]:5353".parse().expect("an address")))
        );
        "dns.example".parse::<Asked>().expect_err("a name would have to be asked for");
    }
}
