//! What an operator does to the servers of a store without opening it: look at them, and load the functions.

mod servers;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value, cmd};

use super::library::library;
use super::rights::{Rights, rights};
use super::server::{Examined, Finding, Sync, Wanted, allowed, examine};
use crate::clock::Clock;
use crate::config::RedisUrl;
use crate::redact::foreign;
use crate::store::StoreError;

use self::servers::{Primary, primaries};

/// What the names of all our libraries begin with.
const PREFIX: &str = "vigie_";

/// One primary, looked at.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Its host and port.
    pub server: String,
    /// What it is not, or should be.
    pub findings: Vec<Finding>,
    /// When it can say that a write is on its disk.
    pub sync: Sync,
    /// How far its clock is ahead of ours, in milliseconds; below 0: behind it. Not known where the user may not ask.
    pub ahead: Option<i64>,
    /// Whether the user has the rights of a gateway; also says whether the functions are loaded.
    pub rights: Rights,
}

impl Survey {
    /// Everything there is to say, with the rights.
    pub fn remarks(&self) -> impl Iterator<Item = Finding> {
        self.findings.iter().cloned().chain(self.rights.finding())
    }
}

/// What an installation did on one primary.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Its host and port.
    pub server: String,
    /// Whether the functions were missing.
    pub loaded: bool,
    /// Libraries of other versions that were removed.
    pub removed: Vec<String>,
}

/// Looks at every primary.
///
/// # Errors
/// [`StoreError::Unavailable`] if one cannot be reached, [`StoreError::Unfit`] if one does not let the user in.
pub async fn survey(url: &RedisUrl, replicas: u16) -> Result<Vec<Survey>, StoreError> {
    let wanted = Wanted { cluster: url.cluster, replicas };
    let mut surveys = Vec::new();
    for mut primary in primaries(url).await? {
        let found = look(&mut primary.connection, wanted).await;
        let (Examined { findings, sync }, rights) = found.map_err(|error| fault(&primary.server, &error))?;
        let ahead = ahead(&mut primary.connection).await.map_err(|error| fault(&primary.server, &error))?;
        surveys.push(Survey { server: primary.server, findings, sync, ahead, rights });
    }
    Ok(surveys)
}

async fn look(
    connection: &mut MultiplexedConnection,
    wanted: Wanted,
) -> Result<(Examined, Rights), RedisError> {
    Ok((examine(connection, wanted).await?, rights(connection).await?))
}

/// Compares its clock with ours at the middle of the round trip.
async fn ahead(connection: &mut MultiplexedConnection) -> Result<Option<i64>, RedisError> {
    let clock = Clock::system();
    let before = clock.now().as_millisecond();
    let told = allowed(cmd("TIME").query_async::<(i64, i64)>(connection).await)?;
    let ours = i64::midpoint(before, clock.now().as_millisecond());
    Ok(told.map(|(seconds, micros)| seconds * 1000 + micros / 1000 - ours))
}

/// Loads the functions on every primary where they are missing; `prune` removes those of other versions, which a gateway
/// of another version that still runs would miss.
///
/// # Errors
/// As [`survey`]; also [`StoreError::Unfit`] if the user may not load functions.
pub async fn install(url: &RedisUrl, prune: bool) -> Result<Vec<Installed>, StoreError> {
    let mut done = Vec::new();
    for primary in primaries(url).await? {
        let Primary { server, mut connection } = primary;
        let installed = install_on(&mut connection, prune).await;
        let (loaded, removed) = installed.map_err(|error| fault(&server, &error))?;
        done.push(Installed { server, loaded, removed });
    }
    Ok(done)
}

async fn install_on(
    connection: &mut MultiplexedConnection,
    prune: bool,
) -> Result<(bool, Vec<String>), RedisError> {
    let ours = library();
    let mut present = libraries(connection).await?;
    let loaded = !present.contains(&ours.name);
    if loaded {
        let answer = cmd("FUNCTION").arg("LOAD").arg(&ours.source).query_async::<String>(connection).await;
        // A gateway that starts at this moment may have been first.
        if let Err(error) = answer
            && !libraries(connection).await?.contains(&ours.name)
        {
            return Err(error);
        }
    }
    present.retain(|name| prune && *name != ours.name);
    for name in &present {
        cmd("FUNCTION").arg("DELETE").arg(name).query_async::<()>(connection).await?;
    }
    Ok((loaded, present))
}

/// The libraries of all versions of vigie on a server.
async fn libraries(connection: &mut MultiplexedConnection) -> Result<Vec<String>, RedisError> {
    let mut list = cmd("FUNCTION");
    list.arg("LIST").arg("LIBRARYNAME").arg(format!("{PREFIX}*"));
    let listed: Vec<Vec<Value>> = list.query_async(connection).await?;
    let name = |fields: Vec<Value>| {
        let at = fields.iter().position(|field| {
            redis::from_redis_value_ref::<String>(field).is_ok_and(|f| f == "library_name")
        })?;
        redis::from_redis_value_ref::<String>(fields.get(at + 1)?).ok()
    };
    Ok(listed.into_iter().filter_map(name).collect())
}

/// What a server's refusal means for the operator, without anything the user wrote.
fn fault(server: &str, error: &RedisError) -> StoreError {
    let said = foreign(&error.to_string());
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => StoreError::Unfit(format!(
            "{server} does not let the user in: set `store.user` and VIGIE__STORE__PASSWORD ({said})"
        )),
        Some("NOPERM") => StoreError::Unfit(format!(
            "{server} does not let the user do that: `vigie redis acl` prints the rights ({said})"
        )),
        _ if error.kind() == redis::ErrorKind::AuthenticationFailed => StoreError::Unfit(format!(
            "{server} does not let the user in: set `store.user` and VIGIE__STORE__PASSWORD ({said})"
        )),
        _ => StoreError::Unavailable(format!("{server} cannot be asked: {said}")),
    }
}
