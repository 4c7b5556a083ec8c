//! One connection: hyper speaks, the pulse watches, and the end is orderly.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::accept::Door;
use super::client::Peer;
use super::pulse::Pulse;
use super::service::Desk;

/// When we stop, a connection that has not asked for anything yet has this long: its request may be on the way, and
/// it would be reset.
pub(super) const LAST_CALL: Duration = Duration::from_secs(1);

/// So long one that has asked before: whoever keeps it busy hears with the next answer that it was the last.
const LAST_ROUND: Duration = Duration::from_millis(500);

/// After our last word, how long a client may still talk before we close...
const LINGER: Duration = Duration::from_secs(1);

/// ...and how much: closing with bytes unread resets the connection, and the client may lose the answer.
const LINGER_BYTES: usize = 1024 * 1024;

/// How far a connection has come to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    /// What is asked now is answered, and nothing after it.
    LastRound,
    /// Nothing more may be asked.
    LastAnswer,
}

/// Serves one connection to its end: the client leaves, is too slow, sends what is not HTTP, or we `stop`.
pub(super) async fn serve(stream: TcpStream, peer: Peer, door: &Arc<Door>, stop: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let pulse = Pulse::new(door.patience);
    let desk = Desk { door: Arc::clone(door), pulse: pulse.clone(), peer };
    let mut conversation = door.http.serve_connection(TokioIo::new(stream), desk);
    let mut alarm = pin!(sleep_until(pulse.deadline()));
    let mut stopped = pin!(stop.cancelled());
    let mut stopping = Stopping::No;
    loop {
        tokio::select! {
            biased;
            ended = poll_fn(|cx| conversation.poll_without_shutdown(cx)) => {
                if let Err(error) = ended {
                    door.metrics.failed(&error);
                }
                // What the client does after our last word is its own affair.
                let _ = part(conversation.into_parts().io.into_inner()).await;
                return;
            }
            () = alarm.as_mut() => match stopping {
                Stopping::No if pulse.deadline() <= Instant::now() => return door.metrics.slow.inc(),
                Stopping::No => alarm.as_mut().reset(pulse.deadline()),
                Stopping::LastRound if pulse.has_beaten() => {
                    stopping = Stopping::LastAnswer;
                    alarm.as_mut().reset(Instant::now() + LAST_CALL);
                    // Closes it, unless an answer is under way.
                    std::pin::Pin::new(&mut conversation).graceful_shutdown();
                }
                Stopping::LastRound | Stopping::LastAnswer => return,
            },
            () = stopped.as_mut(), if stopping == Stopping::No => {
                stopping = Stopping::LastRound;
                pulse.end();
                let patience = if pulse.has_beaten() { LAST_ROUND } else { LAST_CALL };
                alarm.as_mut().reset(pulse.deadline().min(Instant::now() + patience));
            }
        }
    }
}

/// Closes our half, then hears the client out for a moment, so that the close does not overtake the answer.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut unheard = [0; 4096];
    let mut left = LINGER_BYTES;
    let hear_out = async {
        while left > 0 {
            match stream.read(&mut unheard).await? {
                0 => break,
                some => left = left.saturating_sub(some),
            }
        }
        Ok(())
    };
    timeout(LINGER, hear_out).await.unwrap_or(Ok(()))
}
