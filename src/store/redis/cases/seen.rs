//! Who saw which letter.

use crate::model::{Glance, Name, Seen};
use crate::store::StoreError;
use crate::store::redis::inner::Inner;
use crate::store::redis::library::functions;
use crate::store::redis::reply::{Reply, damaged};
use crate::store::redis::router::Lane;
use crate::store::time::millis;

impl Inner {
    pub(in crate::store::redis) async fn note_seen(
        &self,
        seen: &[Seen],
    ) -> Result<Vec<Option<(Name, String)>>, StoreError> {
        let call = |seen: &Seen| {
            let partition = self.partitions.of(seen.recipient);
            let mut call = partition.fcall(&functions().seen);
            let what = match seen.what {
                Glance::Open => "oc",
                Glance::Click => "cc",
                Glance::Counted => "",
            };
            call.arg(&seen.recipient.0[..]).arg(&seen.send.0[..]).arg(what).arg(millis(seen.at));
            (partition.place, call)
        };
        let answers = self.router.many(Lane::Control, seen.iter().map(call).collect()).await;
        answers.into_iter().map(|answer| case(Reply::of(answer?)?)).collect()
    }
}

/// The case that an answer names.
fn case(mut reply: Reply) -> Result<Option<(Name, String)>, StoreError> {
    if reply.is_empty() {
        return Ok(None);
    }
    let brand = reply.text()?.parse().map_err(|_| damaged("a case with a brand"))?;
    Ok(Some((brand, reply.text()?)))
}
