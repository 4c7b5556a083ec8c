//! The least rights of a gateway's user, on one page: what `vigie redis acl` prints and the self-test asks for.

use redis::aio::ConnectionLike;
use redis::{RedisError, cmd};

use super::library::library;
use super::server::{Finding, Severity, allowed};

/// What the functions and the gateway use on keys of partitions, `{v<number>}…`.
const ON_PARTITIONS: &[&str] = &[
    "decr",
    "del",
    "exists",
    "get",
    "getdel",
    "hdel",
    "hget",
    "hgetall",
    "hincrby",
    "hlen",
    "hmget",
    "hrandfield",
    "hset",
    "incr",
    "lrange",
    "lrem",
    "lset",
    "mget",
    "pexpire",
    "pexpiretime",
    "rpush",
    "sadd",
    "set",
    "smembers",
    "srandmember",
    "srem",
    "zadd",
    "zcard",
    "zlexcount",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrem",
    "zremrangebyscore",
    "zscore",
];

/// What the gateway uses on keys of its own, `vigie:…`: the rule, and a whole command to ask for.
const ON_OUR_KEYS: &[(&str, &str)] = &[
    ("hsetnx", "hsetnx vigie:meta f v"),
    ("xack", "xack vigie:sends g 1"),
    ("xadd", "xadd vigie:events * f v"),
    ("xclaim", "xclaim vigie:sends g c 0 1"),
    ("xdel", "xdel vigie:sends 1"),
    ("xgroup|create", "xgroup create vigie:sends g 0"),
    ("xgroup|delconsumer", "xgroup delconsumer vigie:sends g c"),
    ("xinfo|consumers", "xinfo consumers vigie:sends g"),
    ("xinfo|stream", "xinfo stream vigie:events"),
    ("xlen", "xlen vigie:sends"),
    ("xpending", "xpending vigie:sends g"),
    ("xrange", "xrange vigie:events - +"),
    ("xreadgroup", "xreadgroup GROUP g c STREAMS vigie:sends >"),
    ("xtrim", "xtrim vigie:sends:rejected MINID 0"),
];

/// What the gateway uses without a key.
const WITHOUT_KEYS: &[(&str, &str)] = &[
    ("acl|whoami", "acl whoami"),
    ("asking", "asking"),
    ("client|setname", "client setname x"),
    ("cluster|slots", "cluster slots"),
    ("exec", "exec"),
    ("fcall", "fcall x 0"),
    ("function|list", "function list"),
    ("info", "info"),
    ("multi", "multi"),
    ("ping", "ping"),
    ("select", "select 0"),
    ("time", "time"),
    ("wait", "wait 0 0"),
];

/// Rights of commands that Redis 7.0 does not have: naming one there is an error.
const SINCE_7_2: &[&str] = &["client|setinfo", "waitaof"];

/// What `vigie store copy` uses beside all that, to find everybody: the names of all keys of the server. So it is not
/// among the gateways' rights.
const OF_COPY: &[&str] = &["scan"];

/// What `vigie redis install` uses.
const OF_DEPLOYMENT: &[&str] = &[
    "acl|whoami",
    "cluster|slots",
    "function|delete",
    "function|list",
    "function|load",
    "info",
    "ping",
    "select",
];

/// Whose rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The gateways.
    Gateway,
    /// The gateways, where Redis is 7.2 or later or a Valkey.
    GatewaySince72,
    /// Whoever runs `vigie store copy` out of this store.
    Copy,
    /// Whoever runs `vigie redis install`.
    Deployment,
}

/// The rules that give a user the least rights, as `ACL SETUSER` and ACL files take them.
pub fn rules(holder: Holder) -> String {
    let ours = "~{v[0-9]*}* ~vigie:*";
    let keyed = ON_PARTITIONS.iter().copied();
    let whole = ON_OUR_KEYS.iter().chain(WITHOUT_KEYS).map(|(rule, _)| *rule);
    let (keys, rights): (_, Vec<&str>) = match holder {
        Holder::Gateway => (ours, keyed.chain(whole).collect()),
        Holder::GatewaySince72 => (ours, keyed.chain(whole).chain(SINCE_7_2.iter().copied()).collect()),
        Holder::Copy => (ours, keyed.chain(whole).chain(OF_COPY.iter().copied()).collect()),
        Holder::Deployment => ("resetkeys", OF_DEPLOYMENT.to_vec()),
    };
    format!("resetchannels {keys} -@all +{}", rights.join(" +"))
}

/// Whether this connection's user may do what a gateway does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Enough,
    /// Not these, by their names in rules.
    Missing(Vec<String>),
    /// Not known: the library that would tell is not loaded.
    NoLibrary,
}

impl Rights {
    /// What is wrong with them, if it is known.
    pub fn finding(&self) -> Option<Finding> {
        let Self::Missing(rules) = self else { return None };
        Some(Finding {
            severity: Severity::Unusable,
            sentence: format!(
                "the user may not use {} on vigie's keys: make it again, as `vigie redis acl` prints it",
                rules.join(", ")
            ),
        })
    }
}

/// Asks the server, through a function, what its functions may do for this user.
///
/// # Errors
/// The connection failed.
pub async fn rights(connection: &mut impl ConnectionLike) -> Result<Rights, RedisError> {
    let (rules, lines): (Vec<&str>, Vec<String>) = questions().into_iter().unzip();
    let mut call = cmd("FCALL");
    call.arg(format!("{}_self_test", library().name)).arg(0).arg(&lines);
    let refused = match call.query_async::<Vec<String>>(connection).await {
        Err(error) if error.code() == Some("NOPERM") => return Ok(Rights::Missing(vec!["fcall".to_owned()])),
        answer => allowed(answer)?,
    };
    let Some(refused) = refused else { return Ok(Rights::NoLibrary) };
    let missing = rules.into_iter().zip(&lines).filter(|(_, line)| refused.contains(line));
    let missing: Vec<String> = missing.map(|(rule, _)| rule.to_owned()).collect();
    Ok(if missing.is_empty() { Rights::Enough } else { Rights::Missing(missing) })
}

/// Every right with a whole command that needs it.
fn questions() -> Vec<(&'static str, String)> {
    let keyed = ON_PARTITIONS.iter().map(|command| (*command, format!("{command} {{v0}}:x")));
    let whole = ON_OUR_KEYS.iter().chain(WITHOUT_KEYS).map(|(rule, line)| (*rule, (*line).to_owned()));
    keyed.chain(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_functions_is_among_the_rights() {
        let source = library().source.to_lowercase();
        let calls = source.split("call('").skip(1).filter_map(|rest| rest.split('\'').next());
        let all = [rules(Holder::Gateway), String::new()].join(" ");
        for command in calls {
            let subcommand = all.contains(&format!(" +{command}|"));
            assert!(subcommand || all.contains(&format!(" +{command} ")), "{command} is missing");
        }
    }

    #[test]
    fn nothing_is_granted_that_could_read_or_destroy_what_is_not_ours() {
        for holder in [Holder::Gateway, Holder::GatewaySince72, Holder::Copy] {
            let rules = rules(holder);
            for dangerous in
                ["allkeys", "~*", "+@", "config", "eval", "script", "flush", "keys", "debug", "load"]
            {
                assert!(!rules.contains(dangerous), "{dangerous} in {rules}");
            }
        }
        assert!(!rules(Holder::Deployment).contains('~'));
    }
}
