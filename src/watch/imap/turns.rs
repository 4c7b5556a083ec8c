//! Whose turn it is to log in: so many at a time altogether, and so many of them at one server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Settings;

/// The turns of all mailboxes.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    /// Each lives as long as a mailbox of that server is watched.
    servers: Mutex<HashMap<Server, Weak<Semaphore>>>,
}

/// Host and port.
type Server = (String, u16);

/// The turns of the mailboxes of one server.
#[derive(Debug)]
pub(super) struct Turnstile {
    server: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// It is one's turn as long as this lives.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "returned by being dropped")] [OwnedSemaphorePermit; 2]);

impl Turns {
    /// Turns as the settings say.
    pub(super) fn new(settings: &Settings) -> Self {
        let all = Arc::new(Semaphore::new(settings.logins.max(1)));
        Self { all, each: settings.logins_per_server.max(1), servers: Mutex::default() }
    }

    /// Those of this server.
    pub(super) fn at(&self, host: &str, port: u16) -> Turnstile {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = (host.to_ascii_lowercase(), port);
        let semaphore = servers.get(&server).and_then(Weak::upgrade).unwrap_or_else(|| {
            let semaphore = Arc::new(Semaphore::new(self.each));
            servers.retain(|_, semaphore| semaphore.strong_count() > 0);
            servers.insert(server, Arc::downgrade(&semaphore));
            semaphore
        });
        Turnstile { server: semaphore, all: Arc::clone(&self.all) }
    }
}

impl Turnstile {
    /// Waits for one's turn. First at the server: those who wait for a slow one take nobody else's turn.
    pub(super) async fn turn(&self) -> Turn {
        const OPEN: &str = "nobody closes the semaphore";
        let server = Arc::clone(&self.server).acquire_owned().await.expect(OPEN);
        let all = Arc::clone(&self.all).acquire_owned().await.expect(OPEN);
        Turn([server, all])
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What it is ready with at once.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_server_cannot_take_all_turns() {
        let settings = Settings { logins: 3, logins_per_server: 2, ..Settings::default() };
        let turns = Turns::new(&settings);
        let (one, other) = (turns.at("one.test", 993), turns.at("other.test", 993));
        let same = turns.at("ONE.test", 993);
        let held = (now(one.turn()).expect("a turn"), now(same.turn()).expect("another"));
        assert!(now(one.turn()).is_none(), "two at one server");
        let third = now(other.turn()).expect("the other server has turns");
        assert!(now(other.turn()).is_none(), "three altogether");
        drop(held);
        assert!(now(other.turn()).is_some());
        drop(third);
    }

    #[test]
    fn servers_nobody_watches_are_forgotten() {
        let turns = Turns::new(&Settings::default());
        for number in 0..1000 {
            turns.at(&format!("{number}.test"), 993);
        }
        assert!(turns.servers.lock().expect("unpoisoned").len() <= 2);
    }
}
