//! The body of a POST: read to its end, and only its beginning kept.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Longest body that is read. What we understand has some fifty bytes; browsers send no more than this as a beacon, so
/// whoever sends more is told so (413) and hung up on rather than listened to.
const LONGEST: usize = 64 * 1024;

/// Bytes that are kept: longer bodies say nothing to us, and ten thousand connections of them cost 40 MB.
const KEPT: usize = 4096;

/// What could be read.
#[derive(Debug)]
pub(super) enum Read {
    /// The whole body.
    Whole(BytesMut),
    /// It was longer than anything that is meant for us.
    Long,
    /// It is longer than what is read: answer and hang up.
    TooLong,
    /// The client left in the middle of it.
    Broken,
}

/// Reads the body. How long it may take is the connection's [pulse](super::pulse)'s affair.
pub(super) async fn read(mut body: Incoming) -> Read {
    if body.size_hint().lower() > LONGEST as u64 {
        return Read::TooLong;
    }
    let mut kept = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::Broken };
        let data = frame.data_ref().map_or(&[][..], |data| &data[..]);
        length += data.len();
        if length > LONGEST {
            return Read::TooLong;
        }
        if length <= KEPT {
            kept.extend_from_slice(data);
        }
    }
    if length <= KEPT { Read::Whole(kept) } else { Read::Long }
}
