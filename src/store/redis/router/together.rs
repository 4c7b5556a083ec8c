//! Several futures at once, in this task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Waits for all of them. They are begun in the order given, and their answers come in it. Each wake-up looks at all
/// that are left, so this is for a handful: one per server.
pub(super) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_given() {
        let (first, waits) = oneshot::channel::<u8>();
        let answers = all([
            Box::pin(async { waits.await.expect("sent") }) as Pin<Box<dyn Future<Output = u8>>>,
            Box::pin(async {
                first.send(1).expect("waited for");
                2_u8
            }),
        ]);
        assert_eq!(answers.await, [1, 2]);
        assert_eq!(all(Vec::<std::future::Ready<u8>>::new()).await, [0; 0]);
    }
}
