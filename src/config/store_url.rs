//! Where the store is: `store.url`, taken apart.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error};
use url::Url;

use crate::redact::Secret;

/// A store's address. `Display` and `Debug` show where it is, and never a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `embedded:DIR`, a directory relative to `data.dir`.
    Embedded(PathBuf),
    /// `redis://`, `rediss://`, `redis+cluster://`, `rediss+cluster://`.
    Redis(RedisUrl),
}

/// One Redis or Valkey server, or some of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Host and port; for a cluster as many as are named, any of which may be down.
    pub servers: Vec<(String, u16)>,
    /// Whether they are part of a Redis Cluster.
    pub cluster: bool,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The ACL user; none means `default`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The logical database; a cluster only has 0.
    pub database: u16,
    /// Into how many partitions a new store is divided (`?partitions=`); none means 256. An existing store keeps its own.
    pub partitions: Option<u16>,
}

/// A text that names no store; says what was expected without repeating it, for it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadStoreUrl(&'static str);

/// The port of Redis where the URL names none.
const PORT: u16 = 6379;

impl StoreUrl {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// One sentence that names the part at fault.
    pub fn parse(text: &str) -> Result<Self, BadStoreUrl> {
        match text.split_once(':') {
            Some(("embedded", "")) => {
                Err(BadStoreUrl("\"embedded:DIR\" with a directory, such as \"embedded:store\""))
            }
            Some(("embedded", directory)) => Ok(Self::Embedded(directory.into())),
            Some(("redis" | "rediss" | "redis+cluster" | "rediss+cluster", _)) => {
                RedisUrl::parse(text).map(Self::Redis)
            }
            _ => Err(BadStoreUrl(
                "\"embedded:DIR\", \"redis://HOST:PORT\", \"rediss://HOST:PORT\" or \"redis+cluster://HOST:PORT,HOST:PORT\"",
            )),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(directory) => write!(f, "embedded:{}", directory.display()),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The way to it, without who goes there: `redis+cluster://10.0.0.1:7001,[::1]:7002`.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "rediss" } else { "redis" })?;
        f.write_str(if self.cluster { "+cluster://" } else { "://" })?;
        for (at, (host, port)) in self.servers.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let open = if host.contains(':') { ["[", "]"] } else { ["", ""] };
            write!(f, "{comma}{}{host}{}:{port}", open[0], open[1])?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl RedisUrl {
    fn parse(text: &str) -> Result<Self, BadStoreUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(BadStoreUrl("\"//\" before the host"))?;
        let (login, hosts) = rest.rsplit_once('@').unwrap_or(("", rest));
        let end = hosts.find(['/', '?']).unwrap_or(hosts.len());
        let (hosts, tail) = hosts.split_at(end);
        let mut servers = hosts.split(',').map(server).collect::<Result<Vec<_>, _>>()?;
        servers.dedup();
        let (cluster, tls) = (scheme.ends_with("+cluster"), scheme.starts_with("rediss"));
        if !cluster && servers.len() > 1 {
            return Err(BadStoreUrl("one server, or \"redis+cluster://\" before those of a cluster"));
        }
        let spare =
            Url::parse(&format!("redis://{login}{}host{tail}", if login.is_empty() { "" } else { "@" }));
        let spare = spare.map_err(|_| BadStoreUrl("a user and a password that are percent-encoded"))?;
        let (user, password) = (decode(spare.username())?, spare.password().map(decode).transpose()?);
        let database = match spare.path().trim_start_matches('/') {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| BadStoreUrl("nothing but a database number behind the host, such as \"/1\""))?,
        };
        if cluster && database != 0 {
            return Err(BadStoreUrl("no database number, for a cluster only has database 0"));
        }
        Ok(Self {
            servers,
            cluster,
            tls,
            user: Some(user).filter(|user| !user.is_empty()),
            password: password.map(Secret::new),
            database,
            partitions: partitions(&spare)?,
        })
    }
}

fn server(text: &str) -> Result<(String, u16), BadStoreUrl> {
    let parsed = Url::parse(&format!("redis://{text}"))
        .map_err(|_| BadStoreUrl("a host and a port, such as \"redis.example:6379\""))?;
    let host = parsed
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(BadStoreUrl("a host, such as \"redis.example:6379\""))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), parsed.port().unwrap_or(PORT)))
}

fn decode(text: &str) -> Result<String, BadStoreUrl> {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    String::from_utf8(bytes).map_err(|_| BadStoreUrl("a user and a password that are UTF-8"))
}

fn partitions(url: &Url) -> Result<Option<u16>, BadStoreUrl> {
    let mut partitions = None;
    for (key, value) in url.query_pairs() {
        let count = value.parse().ok().filter(|count| (1..=4096).contains(count));
        match (&*key, count) {
            ("partitions", Some(count)) => partitions = Some(count),
            _ => return Err(BadStoreUrl("no query but partitions=1 to partitions=4096")),
        }
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(text: &str) -> RedisUrl {
        match StoreUrl::parse(text) {
            Ok(StoreUrl::Redis(url)) => url,
            other => panic!("{other:?} instead of a Redis URL"),
        }
    }

    #[test]
    fn every_part_is_found() {
        let url = redis("rediss://vigie:p%40ss@redis.example:7000/3?partitions=16");
        assert_eq!(url.servers, [("redis.example".to_owned(), 7000)]);
        assert_eq!((url.cluster, url.tls, url.database, url.partitions), (false, true, 3, Some(16)));
        assert_eq!(url.user.as_deref(), Some("vigie"));
        assert_eq!(url.password.as_ref().map(Secret::expose), Some("p@ss"));
    }

    #[test]
    fn a_cluster_names_some_of_its_servers() {
        let url = redis("redis+cluster://:secret@10.0.0.1:7001,10.0.0.2,[::1]:7003");
        let servers: Vec<_> = url.servers.iter().map(|(host, port)| (host.as_str(), *port)).collect();
        assert_eq!(servers, [("10.0.0.1", 7001), ("10.0.0.2", PORT), ("::1", 7003)]);
        assert_eq!((url.cluster, url.user), (true, None));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for bad in [
            "redis:",
            "redis://",
            "redis://a,b",
            "redis://a:b:c",
            "redis://:secret@host/x",
            "redis+cluster://:secret@a/1",
            "redis://a?partitions=0",
            "redis://a?tls=1",
            "embedded:",
            "http://a",
        ] {
            let problem = StoreUrl::parse(bad).expect_err(bad).to_string();
            assert!(problem.starts_with("expected ") && !problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn it_is_shown_without_who_goes_there() {
        for (text, shown) in [
            ("embedded:/var/lib/vigie", "embedded:/var/lib/vigie"),
            ("redis://redis.example", "redis://redis.example:6379"),
            ("rediss://vigie:secret@redis.example/3?partitions=1", "rediss://redis.example:6379/3"),
            ("redis+cluster://:secret@a:1,[::1]:2", "redis+cluster://a:1,[::1]:2"),
        ] {
            let url = StoreUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
    }
}
