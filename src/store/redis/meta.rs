//! What a store says of itself: its format, its partitions, and whose it is.

use redis::cmd;

use crate::store::StoreError;

use super::Inner;
use super::keys::META;
use super::reply::{Reply, damaged, int};
use super::router::{Lane, Place, Router};

/// Into how many partitions a new store is divided.
const PARTITIONS: u16 = 256;

/// The layout of the keys; a store of another one is not opened.
const FORMAT: &str = "1";

/// Reads the facts that never change, or writes them into a new store; gives the number of partitions.
pub(super) async fn open(
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

impl Inner {
    /// A server that came back empty has forgotten whose store it is: it is told again. Fails as [`StoreError::Unfit`] if
    /// somebody else was faster, whose store it is now.
    pub(super) async fn keep_meta(&self) -> Result<(), StoreError> {
        let mut get = cmd("HMGET");
        get.arg(META).arg("partitions").arg("identity");
        let known = self.router.call(Lane::Control, Place::of(META.as_bytes()), get).await?;
        let known: [Option<String>; 2] =
            redis::from_redis_value(known).map_err(|_| damaged("what the store is"))?;
        let ours = [Some(self.partitions.count().to_string()), self.options.identity.map(const_hex::encode)];
        let told = ours.iter().zip(&known).filter(|(ours, _)| ours.is_some());
        if told.clone().any(|(_, known)| known.is_none()) {
            tracing::error!("the store was emptied: what it held is gone; going on with what comes");
            return open(&self.router, Some(self.partitions.count()), self.options.identity).await.map(drop);
        }
        if told.clone().any(|(ours, known)| ours != known) {
            let other = "it was emptied, and has become another installation's: stop this gateway";
            return Err(StoreError::Unfit(other.into()));
        }
        Ok(())
    }
}
