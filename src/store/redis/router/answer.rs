//! What a server's reply asks of the router.

use redis::{ServerError, Value};

use super::super::fault::Fault;
use super::super::link::Address;

/// A reply, read.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// For the caller.
    Final(Result<Value, Fault>),
    /// The slot is another server's from now on.
    Moved(u16, Address),
    /// The slot is on its way; this once, ask another.
    Ask(Address),
    /// Not now; perhaps in a moment.
    Again(Fault),
    /// Not this server any more: it has become a replica, or knows of no primary.
    Astray(Fault),
    /// The library is not loaded here.
    Missing,
}

impl Answer {
    /// Reads the reply of the server at `from`.
    pub(super) fn read(reply: Value, from: &Address) -> Self {
        match reply {
            Value::ServerError(error) => Self::of(&error, from),
            value => Self::Final(Ok(value)),
        }
    }

    fn of(error: &ServerError, from: &Address) -> Self {
        let details = error.details().unwrap_or_default();
        let redirected = || redirect(details, from);
        match error.code() {
            "MOVED" => redirected().map_or_else(garbled, |(slot, to)| Self::Moved(slot, to)),
            "ASK" => redirected().map_or_else(garbled, |(_, to)| Self::Ask(to)),
            "TRYAGAIN" | "LOADING" | "BUSY" => Self::Again(Fault::of(error)),
            "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" => Self::Astray(Fault::of(error)),
            "ERR" if details.starts_with("Function not found") => Self::Missing,
            _ => Self::Final(Err(Fault::of(error))),
        }
    }
}

/// `3999 10.0.0.1:6381`; no host means the one that was asked.
fn redirect(details: &str, from: &Address) -> Option<(u16, Address)> {
    let (slot, address) = details.split_once(' ')?;
    let (host, port) = address.split(' ').next()?.rsplit_once(':')?;
    let host = if matches!(host, "" | "?") { &from.host } else { host };
    let slot = slot.parse().ok().filter(|slot| *slot < super::place::SLOTS)?;
    Some((slot, Address { host: host.to_owned(), port: port.parse().ok()? }))
}

fn garbled() -> Answer {
    Answer::Final(Err(Fault::Refused("the server redirects to nowhere".into())))
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    fn read(line: &str) -> Answer {
        let reply = parse_redis_value(format!("-{line}\r\n").as_bytes()).expect("an error");
        Answer::read(reply, &address("asked", 7000))
    }

    #[test]
    fn redirections_are_read() {
        assert_eq!(read("MOVED 3999 10.0.0.1:6381"), Answer::Moved(3999, address("10.0.0.1", 6381)));
        assert_eq!(read("MOVED 3999 :6381"), Answer::Moved(3999, address("asked", 6381)));
        assert_eq!(read("MOVED 1 ?:1"), Answer::Moved(1, address("asked", 1)));
        assert_eq!(read("ASK 3999 ::1:6381"), Answer::Ask(address("::1", 6381)));
        for garbled in
            ["MOVED 3999", "MOVED x 10.0.0.1:1", "MOVED 16384 10.0.0.1:1", "ASK 1 host", "ASK 1 host:x"]
        {
            assert!(matches!(read(garbled), Answer::Final(Err(Fault::Refused(_)))), "{garbled}");
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert!(matches!(read("TRYAGAIN Multiple keys request during rehashing of slot"), Answer::Again(_)));
        assert!(matches!(read("LOADING Redis is loading the dataset in memory"), Answer::Again(_)));
        assert!(matches!(read("CLUSTERDOWN The cluster is down"), Answer::Astray(_)));
        assert_eq!(read("ERR Function not found"), Answer::Missing);
        assert!(matches!(read("ERR value is not an integer"), Answer::Final(Err(Fault::Refused(_)))));
    }

    #[test]
    fn a_value_is_for_the_caller() {
        let answer = Answer::read(Value::Int(7), &address("asked", 7000));
        assert_eq!(answer, Answer::Final(Ok(Value::Int(7))));
    }
}
