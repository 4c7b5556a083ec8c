//! Everything waiting goes from one store to another, and each send keeps one fate.

mod breaking;
mod copying;
mod parts;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie::model::{Deferral, Finish, SendSpec, SendState};
use vigie::store::portable::{Adopted, CopyError, Item, Page, Portable, Report, copy};
use vigie::store::{Cancelled, Rules};

use super::bench::{Backend, Bench, EmbeddedBackend, EmbeddedPair, Kind, Remote, name, send};

pub(crate) use breaking::*;
pub(crate) use copying::*;
pub(crate) use parts::*;

/// A backend whose store can be moved out of and into.
pub(crate) trait Movable: Backend {
    /// The store as it is now.
    fn portable(&self) -> Arc<dyn Portable>;
}

impl Movable for EmbeddedBackend {
    fn portable(&self) -> Arc<dyn Portable> {
        self.embedded()
    }
}

impl<K: Kind> Movable for Remote<K> {
    fn portable(&self) -> Arc<dyn Portable> {
        self.redis()
    }
}

/// Where from and where to.
pub(crate) trait Pair {
    /// The old store.
    type From: Movable;
    /// The new one.
    type To: Movable;
}

impl<A: Movable, B: Movable> Pair for (A, B) {
    type From = A;
    type To = B;
}

/// Two stores side by side.
pub(crate) struct Move<P: Pair> {
    pub(crate) from: Bench<P::From>,
    pub(crate) to: Bench<P::To>,
}

impl<P: Pair> Move<P> {
    async fn with(change: impl Fn(&mut Rules)) -> Self {
        Self::of(Bench::with(&change).await, Bench::with(&change).await)
    }

    /// These two, at the same time of day.
    fn of(from: Bench<P::From>, to: Bench<P::To>) -> Self {
        let ahead = from.now().duration_since(to.now());
        let behind: Result<Duration, _> = (-ahead).try_into();
        match Duration::try_from(ahead) {
            Ok(ahead) => to.pass(ahead),
            Err(_) => from.pass(behind.expect("one of them is behind")),
        }
        Self { from, to }
    }

    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn copy(&self) -> Report {
        self.try_copy().await.expect("the copy ends")
    }

    async fn try_copy(&self) -> Result<Report, CopyError> {
        let (from, to) = (self.from.backend.portable(), self.to.backend.portable());
        copy(&*from, &*to, &CancellationToken::new(), |_| {}).await
    }

    async fn back(&self) -> Report {
        let (from, to) = (self.from.backend.portable(), self.to.backend.portable());
        copy(&*to, &*from, &CancellationToken::new(), |_| {}).await.expect("the copy ends")
    }

    async fn adopt(&self, page: Page) -> Vec<Adopted> {
        self.to.backend.portable().adopt(page.items).await.expect("adopt works")
    }

    /// Lets time pass in both.
    fn pass(&self, by: Duration) {
        self.from.pass(by);
        self.to.pass(by);
    }

    /// Where a send stands in the old and in the new store.
    async fn states(&self, send: &SendSpec) -> [Option<SendState>; 2] {
        [self.from.state(send).await, self.to.state(send).await]
    }
}

/// All pages of a store, each of at most `most` items.
async fn pages(store: &dyn Portable, most: usize) -> Vec<Page> {
    let mut pages = vec![store.export(None, most).await.expect("export works")];
    while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
        pages.push(store.export(Some(next), most).await.expect("export works"));
    }
    pages
}

/// The references of the sends among these.
fn references(items: &[Item]) -> Vec<&str> {
    let sends = items.iter().filter_map(|item| match item {
        Item::Send(moved) => Some(moved.spec.reference.as_str()),
        _ => None,
    });
    sends.collect()
}

const MOVED: [Option<SendState>; 2] = [Some(SendState::Cancelled), Some(SendState::Waiting)];
