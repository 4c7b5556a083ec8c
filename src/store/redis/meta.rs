//! The facts of a store that never change: its format, its partitions, and whose people it knows.

use redis::{Value, cmd};

use super::keys::META;
use super::reply::{Reply, damaged, int};
use super::router::{Lane, Place, Router};
use crate::store::StoreError;

/// Into how many partitions a new store is divided.
const PARTITIONS: u16 = 256;

/// The layout of the keys; a store of another one is not opened.
const FORMAT: &str = "1";

/// Refuses to make a store of nothing.
pub(super) async fn must_exist(router: &Router) -> Result<(), StoreError> {
    let mut exists = cmd("EXISTS");
    exists.arg(META);
    match router.call(Lane::Control, Place::of(META.as_bytes()), exists).await? {
        Value::Int(0) => Err(StoreError::Unavailable("there is no store of vigie in this Redis".into())),
        _ => Ok(()),
    }
}

/// Reads the facts that never change, or writes them into a new store; gives the number of partitions.
pub(super) async fn meta(
    router: &Router,
    wanted: Option<u16>,
    identity: Option<[u8; 8]>,
) -> Result<u16, StoreError> {
    let place = Place::of(META.as_bytes());
    let identity = identity.map(const_hex::encode);
    let facts = [
        ("format", Some(FORMAT.to_owned())),
        ("partitions", Some(wanted.unwrap_or(PARTITIONS).to_string())),
        ("identity", identity.clone()),
    ];
    for (field, value) in facts {
        let Some(value) = value else { continue };
        let mut set = cmd("HSETNX");
        set.arg(META).arg(field).arg(value);
        router.call(Lane::Control, place, set).await?;
    }
    let mut get = cmd("HMGET");
    get.arg(META).arg("format").arg("partitions").arg("identity");
    let mut reply = Reply::of(router.call(Lane::Control, place, get).await?)?;
    let format = reply.text()?;
    if format != FORMAT {
        return Err(StoreError::Unfit(format!(
            "it was written in format {format}, this build knows format {FORMAT}: use the build that wrote it"
        )));
    }
    let count: u16 = int(&reply.next()?)?.try_into().map_err(|_| damaged("a number of partitions"))?;
    if let Some(identity) = identity
        && reply.text()? != identity
    {
        return Err(StoreError::Unfit(
            "it belongs to gateways with another identity key, to whom its people are known by other names: copy \
             data/secrets.toml from one of them, or name another database"
                .into(),
        ));
    }
    match wanted {
        Some(wanted) if wanted != count => Err(StoreError::Unfit(format!(
            "it was divided into {count} partitions when it was made: leave `?partitions=` out of store.url"
        ))),
        _ => Ok(count),
    }
}
