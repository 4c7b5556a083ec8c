//! What a store says of itself: its format, its partitions, and whose people it knows.

use redis::{Value, cmd};

use super::inner::Inner;
use super::keys::META;
use super::reply::{Reply, bytes, damaged, int};
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

/// Writes the facts that never change into a new store.
pub(super) async fn found(
    router: &Router,
    wanted: Option<u16>,
    identity: Option<[u8; 8]>,
) -> Result<(), StoreError> {
    let facts = [
        ("format", Some(FORMAT.to_owned())),
        ("partitions", Some(wanted.unwrap_or(PARTITIONS).to_string())),
        ("identity", identity.map(const_hex::encode)),
    ];
    for (field, value) in facts {
        let Some(value) = value else { continue };
        let mut set = cmd("HSETNX");
        set.arg(META).arg(field).arg(value);
        router.call(Lane::Control, Place::of(META.as_bytes()), set).await?;
    }
    Ok(())
}

/// Reads these facts and compares them; gives the number of partitions.
pub(super) async fn read(
    router: &Router,
    wanted: Option<u16>,
    identity: Option<[u8; 8]>,
) -> Result<u16, StoreError> {
    let mut get = cmd("HMGET");
    get.arg(META).arg("format").arg("partitions").arg("identity");
    let mut reply = Reply::of(router.call(Lane::Control, Place::of(META.as_bytes()), get).await?)?;
    let format = reply.text()?;
    if format != FORMAT {
        return Err(StoreError::Unfit(format!(
            "it was written in format {format}, this build knows format {FORMAT}: use the build that wrote it"
        )));
    }
    let count: u16 = int(&reply.next()?)?.try_into().map_err(|_| damaged("a number of partitions"))?;
    let owner = Some(reply.next()?).filter(|owner| *owner != Value::Nil).map(bytes).transpose()?;
    if let (Some(identity), Some(owner)) = (identity.map(const_hex::encode), owner)
        && owner != identity.as_bytes()
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

impl Inner {
    /// A server that came back empty has forgotten whose store it is: it is told again. Fails as [`StoreError::Unfit`] if
    /// somebody else was faster, whose store it is now.
    pub(super) async fn keep_meta(&self) -> Result<(), StoreError> {
        let mut get = cmd("HMGET");
        get.arg(META).arg("partitions").arg("identity");
        let known = self.router.call(Lane::Control, Place::of(META.as_bytes()), get).await?;
        let known: [Option<String>; 2] =
            redis::from_redis_value(known).map_err(|_| damaged("what the store is"))?;
        let (count, identity) = (self.partitions.count(), self.options.identity);
        let ours = [Some(count.to_string()), identity.map(const_hex::encode)];
        let told = ours.iter().zip(&known).filter(|(ours, _)| ours.is_some());
        if told.clone().any(|(_, known)| known.is_none()) {
            tracing::error!("the store was emptied: what it held is gone; going on with what comes");
            found(&self.router, Some(count), identity).await?;
            return read(&self.router, Some(count), identity).await.map(drop);
        }
        if told.clone().any(|(ours, known)| ours != known) {
            let other = "it was emptied, and has become another installation's: stop this gateway";
            return Err(StoreError::Unfit(other.into()));
        }
        Ok(())
    }
}
