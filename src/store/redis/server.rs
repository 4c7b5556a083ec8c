//! What a server must be before sends are entrusted to it, and what its operator should know.
//!
//! Nearly everything is read from `INFO`, so that the gateways' user needs no `CONFIG`. A server that would lose sends by
//! the way it is set up is refused; what only a power cut or a lost machine would cost is a warning.

mod info;

use redis::aio::ConnectionLike;
use redis::{RedisError, cmd};

use self::info::Info;
use crate::store::StoreError;

/// The first version with functions, and the first Valkey.
const OLDEST: (&str, (u32, u32)) = ("Redis 7.0 or Valkey 7.2", (7, 0));

/// What the gateway asks of a server, beyond keeping what it was told.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Whether it is to be part of a cluster.
    pub cluster: bool,
    /// Replicas that must have a send before its producer hears of it (`store.enqueue_wait`).
    pub replicas: u16,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No gateway can work with it.
    Unusable,
    /// It would lose sends: a gateway only starts if it was told to accept that.
    LosesSends,
    /// Somebody should know.
    Warn,
}

/// Something about a server: one sentence with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What it is and what to do, in lower case; the reader knows which server.
    pub sentence: String,
}

impl Finding {
    fn unusable(sentence: impl Into<String>) -> Self {
        Self { severity: Severity::Unusable, sentence: sentence.into() }
    }

    fn loses_sends(sentence: impl Into<String>) -> Self {
        Self { severity: Severity::LosesSends, sentence: sentence.into() }
    }

    fn warn(sentence: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, sentence: sentence.into() }
    }
}

/// What a gateway does about the findings at its start: warns of what can be lived with, and refuses the rest.
///
/// # Errors
/// [`StoreError::Unfit`] with the first finding that speaks against a start.
pub fn heed(
    server: &str,
    findings: impl IntoIterator<Item = Finding>,
    accept_losing_sends: bool,
) -> Result<(), StoreError> {
    for Finding { severity, sentence } in findings {
        match severity {
            Severity::Warn => tracing::warn!(server, "Redis: {sentence}"),
            Severity::LosesSends if accept_losing_sends => {
                tracing::error!(server, "Redis loses sends, which was accepted: {sentence}");
            }
            Severity::LosesSends => {
                let unless = "(or start with --accept-losing-sends)";
                return Err(StoreError::Unfit(format!("{server}: {sentence} {unless}")));
            }
            Severity::Unusable => return Err(StoreError::Unfit(format!("{server}: {sentence}"))),
        }
    }
    Ok(())
}

/// What a server said of itself; what the user may not ask is not known.
#[derive(Debug, Default)]
struct Answers {
    /// All of `INFO`.
    info: Option<String>,
    /// `CONFIG GET appendfsync`.
    appendfsync: Option<String>,
    /// `ACL WHOAMI`.
    user: Option<String>,
}

/// When a server can say that a write is on its disk; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sync {
    /// Never, as far as is known.
    Unknown,
    /// When asked to wait for it: `WAITAOF`, since Redis 7.2.
    OnRequest,
    /// With every answer: `appendfsync always`.
    Always,
}

/// What was found out about a server.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What it is not, or should be; nothing is the best.
    pub findings: Vec<Finding>,
    /// When it can say that a write is on its disk.
    pub sync: Sync,
}

/// Asks a server and judges its answers.
///
/// # Errors
/// The connection failed, or the server wants another password.
pub async fn examine(connection: &mut impl ConnectionLike, wanted: Wanted) -> Result<Examined, RedisError> {
    let info = allowed(cmd("INFO").query_async(connection).await)?;
    let setting = cmd("CONFIG").arg("GET").arg("appendfsync").query_async::<Vec<String>>(connection).await;
    let user = allowed(cmd("ACL").arg("WHOAMI").query_async(connection).await)?;
    let appendfsync = allowed(setting)?.and_then(|pair| pair.into_iter().nth(1));
    let answers = Answers { info, appendfsync, user };
    Ok(Examined { findings: judge(&answers, wanted), sync: sync(&answers) })
}

fn sync(answers: &Answers) -> Sync {
    let info = Info::parse(answers.info.as_deref().unwrap_or_default());
    match answers.appendfsync.as_deref() {
        _ if info.text("aof_enabled") != "1" => Sync::Unknown,
        Some("always") => Sync::Always,
        _ if info.version() >= (7, 2) => Sync::OnRequest,
        _ => Sync::Unknown,
    }
}

/// An answer, or nothing where the server refuses it to this user (or, on managed servers, to everybody).
pub(super) fn allowed<T>(answer: Result<T, RedisError>) -> Result<Option<T>, RedisError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("NOPERM") => Ok(None),
        Err(error) if error.code() == Some("ERR") => Ok(None),
        Err(error) => Err(error),
    }
}

/// What follows from the answers, the heaviest first.
fn judge(answers: &Answers, wanted: Wanted) -> Vec<Finding> {
    let Some(info) = &answers.info else {
        return vec![Finding::unusable(
            "the user may not ask for INFO, so nothing can be known of it: add +info to the user's rights",
        )];
    };
    let info = Info::parse(info);
    let mut found = Vec::new();
    found.extend(too_old(&info));
    found.extend(wrong_kind(&info, wanted.cluster));
    found.extend(replica(&info));
    found.extend(not_durable(&info));
    found.extend(evicting(&info));
    found.extend(power_cut(&info, answers.appendfsync.as_deref()));
    found.extend(failing_disk(&info));
    found.extend(replicas(&info, wanted.replicas));
    found.extend(unlimited(&info));
    found.extend(everything_allowed(answers.user.as_deref()));
    found
}

fn too_old(info: &Info<'_>) -> Option<Finding> {
    let version = info.text("redis_version");
    (info.version() < OLDEST.1).then(|| {
        let needed = OLDEST.0;
        Finding::unusable(format!(
            "version {version} has no functions: {needed} is the oldest that vigie works with"
        ))
    })
}

fn wrong_kind(info: &Info<'_>, cluster: bool) -> Option<Finding> {
    match (info.text("cluster_enabled") == "1", cluster) {
        (true, false) => Some(Finding::unusable(
            "it is part of a cluster: begin `store.url` with \"redis+cluster://\" (over TLS \"rediss+cluster://\")",
        )),
        (false, true) => Some(Finding::unusable(
            "it is not part of a cluster: begin `store.url` with \"redis://\" (over TLS \"rediss://\")",
        )),
        _ => None,
    }
}

fn replica(info: &Info<'_>) -> Option<Finding> {
    (info.text("role") == "slave").then(|| {
        let (host, port) = (info.text("master_host"), info.text("master_port"));
        Finding::unusable(format!(
            "it is a replica and takes no sends: name its primary, {host}:{port}, in `store.url`"
        ))
    })
}

fn not_durable(info: &Info<'_>) -> Option<Finding> {
    (info.text("aof_enabled") != "1").then(|| {
        Finding::loses_sends(
            "appendonly is off, so a restart loses sends: write `appendonly yes` into redis.conf, and run `CONFIG SET \
             appendonly yes`",
        )
    })
}

fn evicting(info: &Info<'_>) -> Option<Finding> {
    let policy = info.text("maxmemory_policy");
    (policy != "noeviction").then(|| {
        Finding::loses_sends(format!(
            "maxmemory-policy is {policy}, which throws sends away when memory is short: write `maxmemory-policy \
             noeviction` into redis.conf, and run `CONFIG SET maxmemory-policy noeviction`"
        ))
    })
}

fn power_cut(info: &Info<'_>, appendfsync: Option<&str>) -> Option<Finding> {
    if info.text("aof_enabled") != "1" {
        return None;
    }
    let lost = match appendfsync {
        Some("always") => return None,
        Some("everysec") => "appendfsync is everysec, so a power cut loses the sends of about one second",
        Some(_) => {
            "appendfsync is no, so a power cut loses what the kernel had not written, often 30 seconds"
        }
        None => {
            "the user may not ask for appendfsync, so it is not known what a power cut loses: see redis.conf"
        }
    };
    let remedy = "where that must not be, write `appendfsync always` into redis.conf, and run `CONFIG SET appendfsync always`";
    Some(Finding::warn(if appendfsync.is_none() { lost.to_owned() } else { format!("{lost}: {remedy}") }))
}

fn failing_disk(info: &Info<'_>) -> Option<Finding> {
    (info.text("aof_last_write_status") == "err").then(|| {
        Finding::warn("it cannot write its append-only file, so it refuses sends: make room on its disk")
    })
}

fn replicas(info: &Info<'_>, wanted: u16) -> Option<Finding> {
    let connected: u16 = info.text("connected_slaves").parse().unwrap_or(0);
    if connected < wanted {
        return Some(Finding::warn(format!(
            "`store.enqueue_wait` is {wanted}, but it has {connected} replicas now, so producers get 503: add replicas \
             with `replicaof`, or lower the setting"
        )));
    }
    (connected == 0).then(|| {
        Finding::warn("it has no replica, so losing its machine loses every send: add one with `replicaof`")
    })
}

fn unlimited(info: &Info<'_>) -> Option<Finding> {
    (info.text("maxmemory") == "0").then(|| {
        Finding::warn(
            "maxmemory is not set, so the kernel may kill it when memory is short: write `maxmemory` with 70 % of the \
             machine's memory into redis.conf",
        )
    })
}

fn everything_allowed(user: Option<&str>) -> Option<Finding> {
    (user == Some("default")).then(|| {
        Finding::warn(
            "vigie logs in as `default`, who may do everything: make a user of its own, as `vigie redis acl` prints it",
        )
    })
}

#[cfg(test)]
mod tests;
