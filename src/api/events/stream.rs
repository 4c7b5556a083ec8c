//! One listener: a task that reads the log for it, and the body it reads from.

use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{EventView, Filter};
use crate::api::guard::Tasks;
use crate::config::Events;
use crate::model::{Position, Told};
use crate::store::{Heard, Store};

/// Events read in one go.
const PAGE: usize = 256;

/// Pages that may wait for the listener to take them.
const WAITING: usize = 2;

/// After an event was told, others are waited for this long: they are read together.
const TOGETHER: Duration = Duration::from_millis(25);

/// What one listener hears.
pub(super) struct Feed {
    pub(super) store: Arc<dyn Store>,
    pub(super) newest: watch::Receiver<Position>,
    pub(super) after: Position,
    pub(super) filter: Filter,
    pub(super) settings: Events,
}

/// Why a stream ends, as a comment: the client comes back by itself.
type LastWords = Arc<OnceLock<&'static str>>;

/// Starts the listener's task; gives the body.
pub(super) fn listen(feed: Feed, permit: OwnedSemaphorePermit, tasks: &Tasks) -> Body {
    let (sender, waiting) = mpsc::channel(WAITING);
    let last_words = LastWords::default();
    let (said, stop) = (Arc::clone(&last_words), tasks.shutdown.clone());
    tasks.tracker.spawn(async move {
        let why = tokio::select! {
            why = feed.run(&sender) => why,
            () = stop.cancelled() => "this gateway stops",
            () = sender.closed() => "",
        };
        let _ = said.set(why);
        drop((sender, permit));
    });
    Body::new(Stream { waiting, last_words, over: false })
}

impl Feed {
    /// Sends events until that is not possible any more; tells why.
    async fn run(mut self, sender: &mpsc::Sender<Bytes>) -> &'static str {
        let (heartbeat, patience) = (self.settings.heartbeat, self.settings.patience);
        // Where it begins: whoever comes back before the first event goes on from here.
        let mut frames = format!("retry: 2000\nid: {}\n\n", self.after);
        loop {
            if !frames.is_empty() {
                match timeout(patience, sender.send(Bytes::from(frames))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return "",
                    Err(_) => return "too slow: come back and go on from the last id",
                }
            }
            self.newest.mark_unchanged();
            frames = match self.store.events(Some(self.after.clone()), PAGE).await {
                Ok(Heard::Events(told)) if !told.is_empty() => self.frames(told),
                Ok(Heard::Events(_)) => match timeout(heartbeat, self.newest.changed()).await {
                    Ok(Ok(())) => {
                        sleep(TOGETHER).await;
                        String::new()
                    }
                    Ok(Err(_)) => return "the store is closed",
                    Err(_) => format!(": still here\nid: {}\n\n", self.after),
                },
                Ok(Heard::Gone { .. }) => return "too slow: the next events are not kept any more",
                Err(_) => return "the store cannot be reached: come back and go on from the last id",
            };
        }
    }

    /// What a page looks like to this listener, who has heard it then.
    fn frames(&mut self, told: Vec<Told>) -> String {
        let mut frames = String::new();
        for told in told {
            self.after = told.position.clone();
            if self.filter.lets_through(&told.event) {
                let view = EventView::from(told);
                // Names, numbers and JSON: it has a JSON form, of one line.
                let data = serde_json::to_string(&view).unwrap_or_default();
                let _ = write!(frames, "id: {}\nevent: {}\ndata: {data}\n\n", view.position, view.kind);
            }
        }
        frames
    }
}

/// The body of a listener's answer.
struct Stream {
    waiting: mpsc::Receiver<Bytes>,
    last_words: LastWords,
    over: bool,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.waiting.poll_recv(context).map(|frames| {
            if let Some(frames) = frames {
                return Some(Ok(Frame::data(frames)));
            }
            self.over = true;
            let why = self.last_words.get().filter(|why| !why.is_empty())?;
            Some(Ok(Frame::data(Bytes::from(format!(": {why}\n\n")))))
        })
    }
}
