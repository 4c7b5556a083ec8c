//! Why a command brought no answer that counts.
//!
//! A Redis error may repeat what it was about: keys, arguments, a line of a script. So a fault is told in our words,
//! beside the error's code at most.

use redis::ServerError;

use crate::store::StoreError;

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// No connection, no answer in time, or a server that cannot do it now. It may have been done.
    #[error("{0}")]
    Unavailable(String),
    /// The server's `maxmemory` is reached.
    #[error("OOM: the server's memory is full")]
    OutOfMemory,
    /// Done, but not as safe as was asked for.
    #[error("too few replicas, or disks, have it in time")]
    NotReplicated,
    /// The server will not do this, now or later: rights, types, configuration.
    #[error("{0}")]
    Refused(String),
}

impl Fault {
    /// Nothing answers, and why.
    pub(super) fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    /// What the server refuses, told without its words.
    pub(super) fn of(error: &ServerError) -> Self {
        let details = error.details().unwrap_or_default();
        match error.code() {
            "OOM" => Self::OutOfMemory,
            code @ ("TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "READONLY" | "MASTERDOWN" | "BUSY") => {
                Self::unavailable(format!("{code}: the server cannot answer at the moment"))
            }
            "MISCONF" => {
                Self::unavailable("MISCONF: the server cannot write to its disk, so it takes no writes")
            }
            "NOREPLICAS" => Self::unavailable("NOREPLICAS: the server has too few replicas to take writes"),
            "NOPERM" => Self::Refused(not_permitted(details)),
            "NOAUTH" => Self::Refused("NOAUTH: the server wants a password".into()),
            "WRONGPASS" => Self::Refused("WRONGPASS: the server does not accept the user or password".into()),
            "WRONGTYPE" => Self::Refused(
                "WRONGTYPE: a key holds what is not ours; does something else write here?".into(),
            ),
            _ if is_crowded(error.details()) => {
                Self::unavailable("the server has as many clients as it allows")
            }
            code => Self::Refused(format!("{}: {}", shown(code), sentence(details))),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable(why) => Self::Unavailable(why),
            Fault::OutOfMemory => Self::Full(fault.to_string()),
            Fault::NotReplicated => Self::Unavailable(fault.to_string()),
            Fault::Refused(why) => Self::Unfit(why),
        }
    }
}

/// Whether a server says that it has as many clients as it allows: that passes.
pub(super) fn is_crowded(details: Option<&str>) -> bool {
    details.is_some_and(|details| details.starts_with("max number of clients reached"))
}

/// A code as Redis writes them; anything else is text that slipped in.
fn shown(code: &str) -> &str {
    let is_code = code.len() <= 24 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code { code } else { "ERR" }
}

/// Which of the server's sentences it was, as far as it helps an operator.
fn sentence(details: &str) -> &'static str {
    const KNOWN: [(&str, &str); 4] = [
        ("unknown command", "the server does not know this command; is it Redis 7 or Valkey?"),
        ("Function not found", "the function is not loaded; run `vigie redis install`"),
        ("ACL failure in script", "the user may not run a command, or touch a key, that a function needs"),
        ("This instance has cluster support disabled", "the server is part of no cluster: use redis://"),
    ];
    let known = KNOWN.into_iter().find(|(start, _)| details.starts_with(start));
    known.map_or("the server refused the command", |(_, ours)| ours)
}

/// `NOPERM`, with the command that is missing where the server names one.
fn not_permitted(details: &str) -> String {
    let named = details.split_once("the '").and_then(|(_, rest)| rest.split_once("' command"));
    match named.map(|(name, _)| name) {
        Some(name)
            if name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'|') =>
        {
            format!("NOPERM: the user may not run {name}")
        }
        _ => "NOPERM: the user lacks a right, to a command or to our keys".into(),
    }
}

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::*;

    fn fault(line: &str) -> Fault {
        match parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(Value::ServerError(error)) => Fault::of(&error),
            other => panic!("{other:?} instead of an error"),
        }
    }

    #[test]
    fn the_servers_words_are_not_repeated() {
        for line in [
            "ERR unknown command 'marie@example.org', with args beginning with: 'marie@example.org'",
            "ERR user_function:1: marie@example.org script: vigie, on @user_function:1.",
            "NOPERM this user has no permissions to run the 'marie@example.org' command",
            "NOPERM No permissions to access a key marie@example.org",
            "marie@example.org is not known",
            "WRONGTYPE marie@example.org",
            "OOM command not allowed: marie@example.org",
            "LOADING marie@example.org",
        ] {
            let fault = fault(line).to_string();
            assert!(!fault.contains("marie"), "{fault}");
        }
    }

    #[test]
    fn what_helps_is_said() {
        assert_eq!(fault("OOM command not allowed when used memory > 'maxmemory'."), Fault::OutOfMemory);
        let text =
            fault("NOPERM this user has no permissions to run the 'function|load' command").to_string();
        assert!(text.contains("function|load"), "{text}");
        let text = fault("ERR Function not found").to_string();
        assert!(text.contains("vigie redis install"), "{text}");
        assert!(matches!(fault("ERR max number of clients reached"), Fault::Unavailable(_)));
        assert!(matches!(fault("MISCONF Errors writing to the AOF file"), Fault::Unavailable(_)));
        assert!(matches!(
            fault("READONLY You can't write against a read only replica."),
            Fault::Unavailable(_)
        ));
    }
}
